// Every route of the registry port, with every method, is refused where the policy refuses, before anything is looked up.
// Routes are listed by the app itself and by the type of API paths, so that a new one cannot be forgotten here.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccessPolicy } from '../../../node/registry/access.ts';
import { createRegistryApp } from '../../../node/registry/registry-app.ts';
import type { ApiPath } from '../../../shared/oci/api-path.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { systemClock as clock } from '../../../shared/runtime/clock.ts';
import { silentLogger as log } from '../../../shared/runtime/log.ts';
import { Metrics } from '../../../shared/runtime/metrics.ts';
import { createFakeContent } from '../../support/fake-content.ts';
import { listenRegistry } from '../../support/registry-listener.ts';
import { RegistryWire } from '../../support/registry-wire.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const digest = `sha256:${'0'.repeat(64)}`;

/** Open to everybody, on purpose: whoever balances load or watches processes has no login, and these tell nothing of what is here. */
const OPEN = ['/', '/healthz', '/readyz', '/v1/_ping'];

/** Paths of each kind. */
const API_PATHS: Readonly<Record<Exclude<ApiPath['type'], 'token' | 'name_invalid'>, readonly string[]>> = {
  base: ['/v2', '/v2/'],
  catalog: ['/v2/_catalog', '/v2/_catalog?n=5'],
  extension: ['/v2/_oci/ext/discover', '/v2/app/_oci/ext/discover', '/v2/_other/some/thing'],
  uploads: ['/v2/app/blobs/uploads/', `/v2/app/blobs/uploads/?mount=${digest}&from=other`],
  upload: ['/v2/app/blobs/uploads/11111111-1111-1111-1111-111111111111'],
  blob: [`/v2/app/blobs/${digest}`],
  manifest: ['/v2/app/manifests/v1', `/v2/app/manifests/${digest}`],
  tags: ['/v2/app/tags/list'],
  referrers: [`/v2/app/referrers/${digest}`],
  unknown: ['/v2/nothing/of/the/api', '/v2/app', '/v2/%2e%2e/etc/passwd'],
};

const refusing: AccessPolicy = {
  authorize: () => {
    throw new AppError('credentials_required', 'who are you?', { detail: { challenge: 'Basic realm="x"' } });
  },
};
/** Fails the request with 500 when a route gets as far as to look something up. */
const untouched = new Proxy(createFakeContent(), {
  get: () => new Proxy({}, { get: () => () => assert.fail('something was looked up') }),
});

test('Every path of the registry API is refused with every method', async () => {
  await using registry = await listenRegistry({ access: refusing, content: untouched });
  const wire = new RegistryWire(registry.baseUrl);

  for (const path of Object.values(API_PATHS).flat()) {
    for (const method of METHODS) {
      const { status } = await wire.send(method, path, { headers: { 'content-length': '0' } });
      assert.equal(status, 401, `${method} ${path}`);
    }
  }
});

test('Every other route is refused too, but for those that are open on purpose', async () => {
  const urls = new Set<string>();
  const app = createRegistryApp({
    access: refusing,
    clock,
    content: createFakeContent(), // a search looks at names first, and lists those that may be pulled
    health: { failing: new Map(), isReady: () => ({ ready: true }) },
    log,
    metrics: new Metrics(),
    pulls: { list: () => assert.fail('looked up'), detail: () => assert.fail('looked up') },
  });
  app.addHook('onRoute', ({ url }) => void urls.add(url));
  await app.ready();

  for (const path of OPEN) assert.ok(urls.has(path), path);
  for (const url of urls) {
    const path = url.replaceAll(/:\w+/g, '1');
    const { statusCode } = await app.inject({ method: 'GET', url: path });
    assert.equal(statusCode, OPEN.includes(url) ? 200 : 401, path);
  }
  assert.ok(['/metrics', '/pulls', '/pulls/:id', '/v1/search'].every((url) => urls.has(url)));
  for (const path of ['/v1/users', '/v1/repositories/app/tags', '/debug/vars', '/anything']) {
    assert.equal((await app.inject({ method: 'GET', url: path })).statusCode, 404, path);
  }
  await app.close();
});
