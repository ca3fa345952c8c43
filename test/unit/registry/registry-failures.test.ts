// What the registry API answers when something behind it fails, is switched off, or is refused.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { AccessNeed } from '../../../node/registry/access.ts';
import { AppError, type ErrorCode, type ErrorDetail } from '../../../shared/runtime/errors.ts';
import { createFakeContent, type FakeContent } from '../../support/fake-content.ts';
import { listenRegistry } from '../../support/registry-listener.ts';
import {
  OCI_INDEX,
  RegistryWire,
  assertError,
  bytesOf,
  digestText,
  emptyIndex,
  emptyManifest,
} from '../../support/registry-wire.ts';

const ABSENT = `sha256:${'0'.repeat(64)}`;

/** Content whose manifests fail in one way. */
function failingContent(code: ErrorCode, detail: ErrorDetail = {}): FakeContent {
  const content = createFakeContent();
  const fail = (): Promise<never> => Promise.reject(new AppError(code, 'so it is', { detail }));
  return {
    ...content,
    manifests: {
      ...content.manifests,
      pull: fail,
      push: fail,
      remove: fail,
      tags: fail,
      repositories: fail,
      referrers: fail,
    },
  };
}

test('A failure of ours is 503 with Retry-After, its own if it names one', async () => {
  for (const [detail, expected] of [
    [{}, '5'],
    [{ retryAfterSeconds: 11.2 }, '12'],
  ] as const) {
    await using registry = await listenRegistry({ content: failingContent('coordinator_unreachable', detail) });
    const answer = await new RegistryWire(registry.baseUrl).send('GET', '/v2/a/manifests/v1');

    assertError(answer, 503, 'UNAVAILABLE');
    assert.equal(answer.headers['retry-after'], expected);
  }
});

test('A push that lacks copies is 503 and says which blobs are missing', async () => {
  const digests = ['1', '2', '3', '4', '5'].map((mark) => `sha256:${mark.repeat(64)}`);
  await using registry = await listenRegistry({ content: failingContent('not_enough_copies', { digests }) });
  const answer = await new RegistryWire(registry.baseUrl).putManifest('a', {
    reference: 'v1',
    content: emptyManifest(),
  });

  assertError(answer, 503, 'UNAVAILABLE');
  assert.equal(answer.headers['retry-after'], '5');
  const { errors } = JSON.parse(answer.body.toString()) as { errors: { message: string }[] };
  assert.equal(errors[0]?.message, `so it is: ${digests.slice(0, 3).join(', ')} and 2 more`);
});

test('A full disk is 507', async () => {
  const content = createFakeContent();
  const begin = (): Promise<never> => Promise.reject(new AppError('not_enough_space', 'the disk is full'));
  const uploads = Object.assign(Object.create(content.uploads) as FakeContent['uploads'], { begin });
  await using registry = await listenRegistry({ content: { ...content, uploads } });
  const answer = await new RegistryWire(registry.baseUrl).send('POST', '/v2/a/blobs/uploads/');

  assertError(answer, 507, 'UNAVAILABLE');
});

test('A bug is 500, is logged as an error and tells the client nothing about itself', async () => {
  const content = createFakeContent();
  const logged: string[] = [];
  const log = {
    error: (_fields: object, message: string) => void logged.push(message),
    warn: () => undefined,
    info: () => undefined,
    debug: () => undefined,
    child: () => log,
  };
  const blobs = { ...content.blobs, stat: () => Promise.reject(new TypeError('a secret of ours')) };
  await using registry = await listenRegistry({ content: { ...content, blobs }, log });
  const answer = await new RegistryWire(registry.baseUrl).send('GET', `/v2/a/blobs/${ABSENT}`, {
    headers: { 'if-none-match': '*' },
  });

  assertError(answer, 500, 'UNKNOWN');
  assert.ok(!answer.body.toString().includes('secret'));
  assert.deepEqual(logged, ['request failed by a bug']);
});

test('[F-1] Referrers of a repository that the content does not know are an empty list', async () => {
  await using registry = await listenRegistry({ content: failingContent('repository_unknown') });
  const wire = new RegistryWire(registry.baseUrl);

  assert.deepEqual(((await wire.json(`/v2/a/referrers/${ABSENT}`)) as { manifests: unknown }).manifests, []);
});

test('[H-10] A last known answer carries a warning that cannot break the header', async () => {
  const content = createFakeContent();
  const bytes = bytesOf(emptyManifest());
  const warning = `stale "answer" \\ \r\nX-Evil: 1 ${'é'.repeat(5000)}`;
  const pull = () =>
    Promise.resolve({ digest: content.addBlob('a', bytes), mediaType: 'application/x', bytes, warning });
  await using registry = await listenRegistry({
    content: { ...content, manifests: { ...content.manifests, pull } },
  });
  const wire = new RegistryWire(registry.baseUrl);
  const answer = await wire.send('GET', '/v2/a/manifests/v1');
  const known = await wire.send('GET', '/v2/a/manifests/v1', { headers: { 'if-none-match': '*' } });

  const text = String(answer.headers['warning']);
  assert.match(text, /^299 - "stale 'answer' ' \?\?X-Evil: 1 \?+"$/);
  assert.equal(text.length, 4096);
  assert.equal(known.status, 304);
  assert.equal(known.headers['warning'], text);
});

test('[B-32 M-53] What may not be deleted is 405 with what is left to do', async () => {
  const content = createFakeContent();
  const digest = content.addBlob('a', Buffer.from('x'));
  await using registry = await listenRegistry(
    { content },
    { deletion: { blobs: false, manifests: false, tags: false } },
  );
  const wire = new RegistryWire(registry.baseUrl);
  for (const [path, allow] of [
    [`blobs/${digest}`, 'GET, HEAD'],
    ['manifests/v1', 'GET, HEAD, PUT'],
    [`manifests/${ABSENT}`, 'GET, HEAD, PUT'],
  ] as const) {
    const answer = await wire.send('DELETE', `/v2/a/${path}`);
    assertError(answer, 405, 'UNSUPPORTED');
    assert.equal(answer.headers.allow, allow);
  }
  assert.equal((await wire.send('HEAD', `/v2/a/blobs/${digest}`)).status, 200);
});

test('[M-53] Tags may be deletable where manifests are not', async () => {
  await using registry = await listenRegistry({}, { deletion: { blobs: true, manifests: false, tags: true } });
  const wire = new RegistryWire(registry.baseUrl);
  const digest = await wire.pushEmptyImage('a', 'v1');

  assert.equal((await wire.send('DELETE', '/v2/a/manifests/v1')).status, 202);
  assert.equal((await wire.send('DELETE', `/v2/a/manifests/${digest}`)).status, 405);
});

test('[V-2 V-3 H-11] What the access policy refuses is answered in its words, before anything is looked up', async () => {
  const refusals = [
    [
      new AppError('credentials_required', 'who are you', { detail: { challenge: 'Bearer realm="r"' } }),
      401,
      'UNAUTHORIZED',
      'www-authenticate',
      'Bearer realm="r"',
    ],
    [
      new AppError('too_many_requests', 'later', { detail: { retryAfterSeconds: 7 } }),
      429,
      'TOOMANYREQUESTS',
      'retry-after',
      '7',
    ],
    [new AppError('access_denied', 'no'), 403, 'DENIED', 'www-authenticate', undefined],
  ] as const;
  for (const [refusal, status, code, header, value] of refusals) {
    const authorize = (): never => {
      throw refusal;
    };
    await using registry = await listenRegistry({ access: { authorize } });
    const wire = new RegistryWire(registry.baseUrl);
    for (const path of ['/v2/', `/v2/a/blobs/${ABSENT}`, '/v2/_catalog']) {
      const answer = await wire.send('GET', path);
      assertError(answer, status, code);
      assert.equal(answer.headers[header], value);
      assert.ok(!answer.body.toString().includes('realm'));
    }
    assertError(await wire.send('GET', '/v2/A/manifests/v1'), 400, 'NAME_INVALID');
  }
});

test('[V-3 C-3 U-33 U-63] Each route asks for the access that it needs, a mount for its source as well', async () => {
  const asked: AccessNeed[][] = [];
  await using registry = await listenRegistry({
    access: {
      authorize: (_asker, needs) => {
        asked.push([...needs]);
        return undefined;
      },
    },
  });
  const wire = new RegistryWire(registry.baseUrl);
  const session = '/v2/a/b/blobs/uploads/11111111-1111-1111-1111-111111111111';
  const of = (...allOf: readonly string[]): object => ({ type: 'repository', repository: 'a/b', allOf });
  const expected = [
    ['GET', '/v2/', [{ type: 'base' }]],
    ['GET', '/v2/_catalog', [{ type: 'catalog' }]],
    ['GET', '/v2/_oci/ext/discover', [{ type: 'base' }]],
    ['HEAD', `/v2/a/b/blobs/${ABSENT}`, [of('pull')]],
    ['DELETE', `/v2/a/b/blobs/${ABSENT}`, [of('delete')]],
    ['GET', '/v2/a/b/manifests/v1', [of('pull')]],
    ['PUT', '/v2/a/b/manifests/v1', [of('pull', 'push')]],
    ['DELETE', '/v2/a/b/manifests/v1', [of('delete')]],
    ['GET', '/v2/a/b/tags/list', [of('pull')]],
    ['GET', `/v2/a/b/referrers/${ABSENT}`, [of('pull')]],
    ['POST', '/v2/a/b/blobs/uploads/', [of('pull', 'push')]],
    [
      'POST',
      `/v2/a/b/blobs/uploads/?mount=${ABSENT}&from=c`,
      [of('pull', 'push'), { type: 'repository', repository: 'c', allOf: ['pull'] }],
    ],
    ['PATCH', session, [of('pull', 'push')]],
    ['PUT', session, [of('pull', 'push')]],
    ['GET', session, [{ type: 'repository', repository: 'a/b', anyOf: ['pull', 'push'] }]],
    ['DELETE', session, [of('push')]],
  ] as const;
  for (const [method, path, needs] of expected) {
    asked.length = 0;
    await wire.send(method, path);
    assert.deepEqual(asked, [needs], `${method} ${path}`);
  }
});

test('Health, readiness and metrics are served beside the API', async () => {
  let readiness: { ready: boolean; reason?: string } = { ready: false, reason: 'not joined' };
  await using registry = await listenRegistry({ health: { isReady: () => readiness, failing: new Map() } });
  const wire = new RegistryWire(registry.baseUrl);
  assert.equal((await wire.send('GET', '/healthz')).status, 200);
  const waiting = await wire.send('GET', '/readyz');
  assert.equal(waiting.status, 503);
  assert.equal(waiting.body.toString(), 'not ready: not joined\n');
  readiness = { ready: true };
  assert.equal((await wire.send('GET', '/readyz')).status, 200);

  const digest = await wire.pushBlob('a', 'some bytes');
  await wire.send('GET', `/v2/a/blobs/${digest}`);
  await wire.send('GET', `/v2/a/blobs/${digestText('other')}`);
  const text = (await wire.send('GET', '/metrics')).body.toString();
  assert.match(text, /shoal_registry_requests_total\{route="blob",method="GET",status="200"\} 1/);
  assert.match(text, /shoal_registry_requests_total\{route="blob",method="GET",status="404"\} 1/);
  assert.match(text, /shoal_registry_blob_bytes_sent_total 10/);
  assert.match(text, /shoal_registry_errors_total\{code="blob_unknown"\} 1/);
  assert.match(text, /shoal_registry_request_duration_seconds_count/);
});

test('Pushes that wait for copies do not hold up those that need none', async () => {
  const content = createFakeContent();
  const leave = new AbortController();
  const push: FakeContent['manifests']['push'] = async (manifest, signal) => {
    if (!manifest.tags.includes('ready')) await once(AbortSignal.any([signal, leave.signal]), 'abort');
    return content.manifests.push(manifest, signal);
  };
  await using registry = await listenRegistry({ content: { ...content, manifests: { ...content.manifests, push } } });
  const wire = new RegistryWire(registry.baseUrl);
  const waiting = Array.from({ length: 100 }, (_, number) =>
    wire.putManifest('a', { reference: `waiting-${number}`, content: emptyIndex(), type: OCI_INDEX }),
  );
  try {
    const answer = await wire.putManifest('a', { reference: 'ready', content: emptyIndex(), type: OCI_INDEX });
    assert.equal(answer.status, 201);
  } finally {
    leave.abort();
    await Promise.all(waiting);
  }
});
