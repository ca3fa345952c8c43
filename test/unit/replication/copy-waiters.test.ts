import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CopyWaiters } from '../../../coordinator/replication/copy-waiters.ts';
import { digestOf, type Digest } from '../../../shared/oci/digest.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const first = digestOf(Buffer.from('1'));
const second = digestOf(Buffer.from('2'));

test('A wait ends when the last blob has its copies, and leaves nothing behind', async () => {
  const clock = new FakeClock();
  const waiters = new CopyWaiters({ clock });
  const enough = new Set<Digest>();
  const { signal } = new AbortController();
  const wait = waiters.wait(
    { digests: [first, second], isEnough: (digest) => enough.has(digest), waitMs: 1000 },
    signal,
  );

  waiters.copyArrived(first); // one copy of two: not enough yet
  enough.add(first).add(second);
  waiters.copyArrived(first);
  assert.equal(waiters.count, 1);
  waiters.copyArrived(second);
  await wait;

  assert.equal(waiters.count, 0);
  assert.equal(clock.pendingCount, 0);
});

test('A wait ends when its time is over', async () => {
  const clock = new FakeClock();
  const waiters = new CopyWaiters({ clock });
  const wait = waiters.wait({ digests: [first], isEnough: () => false, waitMs: 1000 }, new AbortController().signal);

  await clock.advance(1000);
  await wait;

  assert.equal(waiters.count, 0);
});

test('A wait whose caller leaves ends with the reason', async () => {
  const clock = new FakeClock();
  const waiters = new CopyWaiters({ clock });
  const leaving = new AbortController();
  const wait = waiters.wait({ digests: [first], isEnough: () => false, waitMs: 1000 }, leaving.signal);

  leaving.abort(new Error('gone'));

  await assert.rejects(wait, /gone/);
  assert.equal(waiters.count, 0);
  assert.equal(clock.pendingCount, 0);
});

test('A wait ends when an origin that holds the blobs is within reach again, without a new copy', async () => {
  const waiters = new CopyWaiters({ clock: new FakeClock() });
  let isWithinReach = false;
  const { signal } = new AbortController();
  const wait = waiters.wait({ digests: [first, second], isEnough: () => isWithinReach, waitMs: 1000 }, signal);

  waiters.copiesChanged();
  assert.equal(waiters.count, 1);
  isWithinReach = true;
  waiters.copiesChanged();
  await wait;

  assert.equal(waiters.count, 0);
});
