import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PendingCalls } from '../../../node/coordinator-link/pending-calls.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { decodeRequest } from '../../../shared/protocol/session-codec.ts';
import { AppError, isAppError, type ErrorCode } from '../../../shared/runtime/errors.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const digest = digestOf(Buffer.from('a blob'));
const { signal } = new AbortController();

interface World {
  readonly clock: FakeClock;
  readonly calls: PendingCalls;
  /** Ids of the requests on the wire, in order. */
  readonly sent: number[];
}

function makeWorld(): World {
  const clock = new FakeClock();
  const sent: number[] = [];
  const calls = new PendingCalls({ clock, send: (frame) => sent.push(decodeRequest(frame)?.id ?? -1) });
  return { clock, calls, sent };
}

function fails(call: Promise<unknown>, code: ErrorCode): Promise<void> {
  return assert.rejects(call, (error) => isAppError(error, code));
}

test('256 calls are in hand at a time, the next goes out when one is answered', async () => {
  const { calls, sent } = makeWorld();
  const all = Array.from({ length: 257 }, () => calls.add('blob.leave', { digest }, signal));
  const before = sent.length;

  calls.settle({ type: 'result', id: 3, result: {} });
  await all[3];

  assert.equal(before, 256);
  assert.equal(sent.length, 257);
  assert.equal(sent.at(-1), 256);
  const ended = Promise.all(
    all.filter((_, index) => index !== 3).map((call) => fails(call, 'coordinator_unreachable')),
  );
  calls.end(new AppError('coordinator_unreachable', 'over'));
  await ended;
});

test('A call beyond those that may wait is refused', async () => {
  const { calls } = makeWorld();
  const all = Array.from({ length: 256 + 4096 }, () => calls.add('blob.leave', { digest }, signal));

  await fails(calls.add('blob.leave', { digest }, signal), 'too_many_requests');

  const ended = Promise.all(all.map((call) => fails(call, 'coordinator_unreachable')));
  calls.end(new AppError('coordinator_unreachable', 'over'));
  await ended;
  assert.equal(calls.inFlightCount + calls.waitingCount, 0);
});

test('A manifest may wait for its copies longer than other calls wait for an answer', async () => {
  const { clock, calls } = makeWorld();
  const manifest = { repository: 'a', digest, mediaType: 'x', bytes: new Uint8Array(1), tags: [] };
  let isSettled = false;
  const put = calls.add('manifest.put', manifest, signal).finally(() => (isSettled = true));
  const other = fails(calls.add('blob.leave', { digest }, signal), 'timed_out');
  const late = fails(put, 'timed_out');

  await clock.advance(30_000);
  await other;
  const settledEarly = isSettled;
  await clock.advance(300_000);
  await late;

  assert.equal(settledEarly, false);
});

test('An answer of another shape, or to a call that is over, harms nobody', async () => {
  const { calls } = makeWorld();
  const call = calls.add('blob.mount', { repository: 'a', digest }, signal);

  calls.settle({ type: 'result', id: 99, result: {} });
  calls.settle({ type: 'result', id: 0, result: { isMounted: 'perhaps' } });
  calls.settle({ type: 'result', id: 0, result: { isMounted: true } });

  await fails(call, 'message_invalid');
});

test('Nothing is called on a session that is over', async () => {
  const { calls, sent } = makeWorld();
  calls.end(new AppError('coordinator_unreachable', 'over'));

  await fails(calls.add('blob.leave', { digest }, signal), 'coordinator_unreachable');

  assert.deepEqual(sent, []);
});
