// What `shoal serve` takes where neither the registry's configuration nor our own says anything: what the container does,
// and ports that a second one on the same host does not take as well.

import type { SettingValue } from '../../shared/runtime/settings.ts';

/** Less than the 10 s after which `docker stop` kills; running requests are cut then. */
const DRAIN_MS = 8_000;

export const SERVE_DEFAULTS: Readonly<Record<string, SettingValue>> = {
  data: '/var/lib/registry/shoal',
  http: '[::]:5000',
  origin: true,
  listen: '127.0.0.1:0',
  swarm: '127.0.0.1:0',
  drainMs: DRAIN_MS,
  'health.storage': true,
  'registry.accessLog': true,
  'registry.allowedHosts': ['*'],
  'registry.largerCatalogPages': 'refuse',
  'registry.layerUrls': 'listed',
  'registry.urls': 'absolute',
  'registry.trustedProxies': ['loopback', 'private'],
  'deletion.blobs': false,
  'deletion.manifests': false,
  'deletion.tags': false,
};
