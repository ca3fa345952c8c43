import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openEndpoints, wantsEvent, type WantedEndpoint } from '../../../coordinator/notifications/endpoint.ts';
import { EndpointPauses, eventWaitMs } from '../../../coordinator/notifications/endpoint-pauses.ts';
import { AppError } from '../../../shared/runtime/errors.ts';

const ci: WantedEndpoint = { name: 'ci', url: 'https://ci.example/events' };
const open = (...wanted: WantedEndpoint[]) => openEndpoints(wanted, { secret: undefined });

test('An endpoint that is disabled gets nothing, and one that says little has the defaults', () => {
  const [endpoint, ...others] = open({ ...ci, name: 'off', disabled: true }, ci);

  assert.equal(others.length, 0);
  assert.deepEqual(
    [endpoint?.name, endpoint?.timeoutMs, endpoint?.threshold, endpoint?.backoffMs, endpoint?.secret],
    ['ci', 5000, 10, 1000, undefined],
  );
  assert.equal(openEndpoints([ci], { secret: 'of all' })[0]?.secret, 'of all');
  assert.equal(openEndpoints([{ ...ci, secret: 'own' }], { secret: 'of all' })[0]?.secret, 'own');
});

test('What is wrong with an endpoint is said with its name, and no secret of it', () => {
  const cases: readonly (readonly [Partial<WantedEndpoint>, RegExp])[] = [
    [{ url: 'SECRET' }, /^notifications\.endpoints: ci: its url is not like https:/],
    [{ url: 'ftp://SECRET.example/' }, /its url is not like/],
    [{ secret: 'whsec_SECRET!' }, /its secret begins with whsec_, and base64 must follow/],
    [{ headers: { 'X Token': ['SECRET'] } }, /the header X Token has a name or a value that HTTP does not allow/],
    [{ headers: { Authorization: ['SECRET\r\nX: y'] } }, /the header Authorization has a name or a value/],
    [{ headers: { 'Content-Type': ['SECRET'] } }, /the header Content-Type is set by Shoal itself/],
    [{ headers: { 'Webhook-Id': ['SECRET'] } }, /the header Webhook-Id is set by Shoal itself/],
  ];
  for (const [wrong, message] of cases) {
    assert.throws(
      () => open({ ...ci, ...wrong }),
      (error: unknown) => {
        assert.ok(error instanceof AppError && error.code === 'config_invalid');
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /SECRET/);
        return true;
      },
    );
  }
  assert.throws(() => open(ci, { ...ci, disabled: true }), /there are two of this name/);
});

test('An event goes to an endpoint when neither its action nor its media type is ignored', () => {
  const [endpoint] = open({ ...ci, ignoredActions: ['pull'], ignoredMediaTypes: ['application/octet-stream'] });
  assert.ok(endpoint !== undefined);

  assert.equal(wantsEvent(endpoint, { action: 'push', mediaType: 'a/b' }), true);
  assert.equal(wantsEvent(endpoint, { action: 'pull', mediaType: 'a/b' }), false);
  assert.equal(wantsEvent(endpoint, { action: 'push', mediaType: 'application/octet-stream' }), false);
  assert.equal(wantsEvent(endpoint, { action: 'delete' }), true);
});

test('An event waits twice as long after each failure, a minute at most', () => {
  assert.deepEqual(
    [1, 2, 3, 6, 7, 8, 1000].map((attempts) => eventWaitMs(attempts)),
    [1000, 2000, 4000, 32_000, 60_000, 60_000, 60_000],
  );
});

test('An endpoint is left alone after so many failures in a row, longer each time, until one attempt succeeds', () => {
  const pauses = new EndpointPauses({ threshold: 3, backoffMs: 1000 });
  const fail = (nowMs: number, askedMs?: number): number => {
    pauses.failed(nowMs, askedMs);
    return pauses.leftMs(nowMs);
  };

  assert.deepEqual([fail(0), fail(0), fail(0), fail(1000), fail(3000)], [0, 0, 1000, 2000, 4000]);
  assert.equal(pauses.isAway, true);
  for (let index = 0; index < 100; index += 1) assert.ok(fail(0) <= 60_000);
  assert.equal(pauses.succeeded(), true);
  assert.deepEqual([pauses.leftMs(0), pauses.isAway], [0, false]);
  assert.equal(fail(0, 30_000), 30_000, 'Retry-After counts at once');
  assert.equal(fail(0, 1e12), 600_000, 'but not for ever');
});

test('A backoff that is longer than a minute is kept', () => {
  const pauses = new EndpointPauses({ threshold: 1, backoffMs: 300_000 });
  pauses.failed(0);
  pauses.failed(0);

  assert.equal(pauses.leftMs(0), 300_000);
});
