// `health`

import { present } from '../../../shared/runtime/present.ts';
import { asSetting, mapped, type GivenSetting } from '../registry-key.ts';
import type { RegistrySection } from '../registry-section.ts';
import type { RegistryValues } from '../registry-values.ts';

const CHECKS = ['health.checks'];

export const healthSection: RegistrySection = {
  keys: [
    asSetting('health.storagedriver.enabled', 'switch', 'health.storage', {
      default: 'true',
      about: 'Looks whether the data folder is there and may be written.',
    }),
    asSetting('health.storagedriver.interval', 'duration', 'health.storageIntervalMs', { default: '10s' }),
    asSetting('health.storagedriver.threshold', 'count', 'health.storageThreshold', { default: '3' }),
    mapped('health.file[].file', 'text', CHECKS, { about: 'While the file is there every request gets 503.' }),
    mapped('health.file[].interval', 'duration', CHECKS, { default: '10s' }),
    mapped('health.http[].uri', 'text', CHECKS),
    mapped('health.http[].headers', 'lists', CHECKS),
    mapped('health.http[].statuscode', 'count', CHECKS, { default: '200' }),
    mapped('health.http[].timeout', 'duration', CHECKS, { about: 'Without it 5 s.' }),
    mapped('health.http[].interval', 'duration', CHECKS, { default: '10s' }),
    mapped('health.http[].threshold', 'count', CHECKS, { default: '0' }),
    mapped('health.tcp[].addr', 'text', CHECKS),
    mapped('health.tcp[].timeout', 'duration', CHECKS, { about: 'Without it 5 s.' }),
    mapped('health.tcp[].interval', 'duration', CHECKS, { default: '10s' }),
    mapped('health.tcp[].threshold', 'count', CHECKS, { default: '0' }),
  ],
  variableNames: { 'health.file': 'FILECHECKERS', 'health.http': 'HTTPCHECKERS', 'health.tcp': 'TCPCHECKERS' },
  settings: (values) => checks(values),
};

function checks(values: RegistryValues): readonly GivenSetting[] {
  const raw = [
    ...values.items('health.file').map((item) => ({ type: 'file', file: item.text('file'), ...timing(item) })),
    ...values.items('health.http').map((item) => ({
      type: 'http',
      url: item.text('uri'),
      ...present('status', item.number('statuscode')),
      ...present('headers', item.has('headers') ? Object.fromEntries(item.lists('headers')) : undefined),
      ...timing(item),
    })),
    ...values.items('health.tcp').map((item) => ({ type: 'tcp', address: item.text('addr'), ...timing(item) })),
  ];
  if (raw.length === 0) return [];
  const source = ['health.file', 'health.http', 'health.tcp'].find((key) => values.has(key)) ?? 'health';
  return [{ key: 'health.checks', raw, source: values.source(source) }];
}

function timing(item: RegistryValues): object {
  return {
    ...present('timeoutMs', item.number('timeout')),
    ...present('intervalMs', item.number('interval')),
    ...present('threshold', item.number('threshold')),
  };
}
