// `http`, but for its TLS

import { asSetting, ignored, mapped, type GivenSetting } from '../registry-key.ts';
import type { RegistrySection } from '../registry-section.ts';
import type { RegistryValues } from '../registry-values.ts';

export const httpSection: RegistrySection = {
  keys: [
    mapped('http.addr', 'text', ['http'], { default: ':5000' }),
    mapped('http.net', 'text', [], { default: 'tcp', about: 'tcp is the only one; a Unix socket is an error.' }),
    asSetting('http.prefix', 'text', 'registry.prefix'),
    asSetting('http.host', 'text', 'registry.publicUrl', {
      about: 'Links begin with it as it is; http.prefix is not added, as in the original.',
    }),
    ignored(
      'http.secret',
      'any',
      'Uploads are known by random numbers that nobody else sees; nothing has to be signed.',
    ),
    mapped('http.relativeurls', 'switch', ['registry.urls'], { default: 'false' }),
    asSetting('http.draintimeout', 'duration', 'drainMs', {
      default: '0',
      about: 'Without it 8 s, which is less than the 10 s after which docker kills a container.',
    }),
    asSetting('http.headers', 'lists', 'registry.headers', {
      default: '{X-Content-Type-Options: [nosniff]}',
      about: 'On every answer, errors too. Of several values of Access-Control-Allow-Origin each page gets its own.',
    }),
    mapped('http.debug.addr', 'text', ['debug.listen'], { about: '/debug/pprof is not there.' }),
    mapped('http.debug.prometheus.enabled', 'switch', ['debug.metrics', 'registry.referenceMetrics'], {
      default: 'false',
      about: "With the original's names beside ours.",
    }),
    asSetting('http.debug.prometheus.path', 'text', 'debug.metricsPath', { default: '/metrics' }),
    ignored('http.http2.disabled', 'switch', 'HTTP/1.1 is spoken in any case, as every client does.'),
    ignored('http.h2c.enabled', 'switch', 'HTTP/1.1 is spoken in any case, as every client does.'),
  ],
  settings: (values, problems) => {
    const net = values.text('http.net');
    if (net !== undefined && net !== 'tcp') {
      problems.push(
        `${values.source('http.net')}: only tcp is supported; a proxy in front can listen on a Unix socket`,
      );
    }
    return [
      ...listenAddress(values, { key: 'http.addr', setting: 'http' }),
      ...listenAddress(values, { key: 'http.debug.addr', setting: 'debug.listen' }),
      ...debugMetrics(values),
      ...urls(values),
    ];
  },
};

/** A port alone means every address of the host, which Node writes `[::]`. */
function listenAddress(
  values: RegistryValues,
  { key, setting }: { readonly key: string; readonly setting: string },
): readonly GivenSetting[] {
  const address = values.text(key);
  if (address === undefined) return [];
  return [{ key: setting, raw: address.startsWith(':') ? `[::]${address}` : address, source: values.source(key) }];
}

function debugMetrics(values: RegistryValues): readonly GivenSetting[] {
  const key = 'http.debug.prometheus.enabled';
  const raw = values.flag(key);
  if (raw === undefined) return [];
  return ['debug.metrics', 'registry.referenceMetrics'].map((setting) => ({
    key: setting,
    raw,
    source: values.source(key),
  }));
}

function urls(values: RegistryValues): readonly GivenSetting[] {
  const isRelative = values.flag('http.relativeurls');
  if (isRelative === undefined) return [];
  return [
    { key: 'registry.urls', raw: isRelative ? 'relative' : 'absolute', source: values.source('http.relativeurls') },
  ];
}
