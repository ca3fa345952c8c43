// `log`, and the older `loglevel`

import { inOurWords } from '../in-our-words.ts';
import { ignored, mapped, type GivenSetting } from '../registry-key.ts';
import type { RegistrySection } from '../registry-section.ts';
import type { RegistryValues } from '../registry-values.ts';

/** Their words and ours. What is more than debug is debug, and what ends the original is an error here. */
const LEVELS: Readonly<Record<string, string>> = {
  panic: 'error',
  fatal: 'error',
  error: 'error',
  warn: 'warn',
  warning: 'warn',
  info: 'info',
  debug: 'debug',
  trace: 'debug',
};
const FORMATS: Readonly<Record<string, string>> = { text: 'logfmt', json: 'json', logstash: 'logstash' };

export const logSection: RegistrySection = {
  keys: [
    mapped('log.level', 'text', ['log.level'], { default: 'info' }),
    mapped('log.formatter', 'text', ['log.format'], {
      default: 'text',
      about:
        'text is written as `log.format: logfmt`; without this key it is chosen as always: for people on a terminal, JSON elsewhere.',
    }),
    mapped('log.accesslog.disabled', 'switch', ['registry.accessLog'], { default: 'false' }),
    ignored('log.fields', 'any', 'Fields of its own have a place in what gathers the logs.'),
    ignored('log.reportcaller', 'any', 'Every line names its part.'),
    ignored('log.hooks', 'any', 'No mail is sent; watch the metrics.'),
    mapped('loglevel', 'text', ['log.level'], { about: 'The older name of log.level, which wins over it.' }),
  ],
  settings: (values, problems) => [
    ...inOurWords(values, { key: 'loglevel', setting: 'log.level', words: LEVELS }, problems),
    ...inOurWords(values, { key: 'log.level', setting: 'log.level', words: LEVELS }, problems),
    ...inOurWords(values, { key: 'log.formatter', setting: 'log.format', words: FORMATS }, problems),
    ...accessLog(values),
  ],
};

function accessLog(values: RegistryValues): readonly GivenSetting[] {
  const isDisabled = values.flag('log.accesslog.disabled');
  if (isDisabled === undefined) return [];
  return [{ key: 'registry.accessLog', raw: !isDisabled, source: values.source('log.accesslog.disabled') }];
}
