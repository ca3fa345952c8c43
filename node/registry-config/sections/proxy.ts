// `proxy`

import { asSetting, ignored, mapped, refused, type GivenSetting } from '../registry-key.ts';
import type { RegistrySection } from '../registry-section.ts';
import type { RegistryValues } from '../registry-values.ts';

const OURS = ['upstreams.registries', 'upstreams.default'];

export const proxySection: RegistrySection = {
  keys: [
    mapped('proxy.remoteurl', 'text', [...OURS, 'upstreams.freshMs'], {
      about:
        'Pushes to names of one’s own go on working beside it. A tag is compared with the upstream at each pull, as in the original; when that is away, what is here is served with a warning. More than one: `upstreams.registries` of ours.',
    }),
    mapped('proxy.username', 'text', OURS),
    mapped('proxy.password', 'text', OURS, { isSecret: true }),
    asSetting('proxy.ttl', 'duration', 'cache.ttlMs', {
      default: '168h',
      about: 'Counted from the last use, and layers that something else needs stay. 0: for ever.',
    }),
    refused('proxy.exec', 'credential helpers are not supported; use username and password'),
    ignored('proxy.cachewritetimeout', 'any', 'What a client reads is what was written.'),
  ],
  settings: (values, problems) => {
    const url = values.text('proxy.remoteurl');
    if (url !== undefined) return proxy(values, url);
    if (values.has('proxy.username') || values.has('proxy.password'))
      problems.push('proxy.remoteurl is missing; there is nothing that this is the login of');
    return [];
  },
};

function proxy(values: RegistryValues, url: string): readonly GivenSetting[] {
  const username = values.text('proxy.username');
  const password = values.text('proxy.password');
  // An empty variable is how compose files say that there is none.
  const login = { ...(username ? { username } : {}), ...(password ? { password } : {}) };
  const source = values.source('proxy.remoteurl');
  return [
    { key: 'upstreams.registries', raw: [{ url, ...login }], source },
    { key: 'upstreams.default', raw: url, source },
    // As in the original; ours would leave a tag alone that was compared a second ago.
    { key: 'upstreams.freshMs', raw: 0, source },
  ];
}
