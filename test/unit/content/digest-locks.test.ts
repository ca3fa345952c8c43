import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DigestLocks } from '../../../node/content/digest-locks.ts';
import { digestOf } from '../../../shared/oci/digest.ts';

const digest = digestOf(Buffer.from('a'));
const other = digestOf(Buffer.from('b'));

/** Work that ends when told. */
function held(): { readonly work: () => Promise<void>; readonly end: () => void; isStarted: boolean } {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const state = {
    isStarted: false,
    end: () => end(),
    work: () => {
      state.isStarted = true;
      return ended;
    },
  };
  return state;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('Pushes of one blob go on beside each other', async () => {
  const locks = new DigestLocks();
  const [first, second] = [held(), held()];
  const both = [locks.share(digest, first.work), locks.share(digest, second.work)];
  await turn();

  assert.ok(first.isStarted && second.isStarted);
  first.end();
  second.end();
  await Promise.all(both);
});

test('A removal waits for the pushes that run, and pushes that come later wait for it', async () => {
  const locks = new DigestLocks();
  const [push, removal, later] = [held(), held(), held()];
  const all = [locks.share(digest, push.work), locks.own(digest, removal.work), locks.share(digest, later.work)];
  await turn();
  assert.deepEqual([push.isStarted, removal.isStarted, later.isStarted], [true, false, false]);

  push.end();
  await turn();
  assert.deepEqual([removal.isStarted, later.isStarted], [true, false]);

  removal.end();
  await turn();
  assert.ok(later.isStarted);
  later.end();
  await Promise.all(all);
});

test('Other blobs are not held up, and a failure gives the lock back', async () => {
  const locks = new DigestLocks();
  const push = held();
  const running = locks.share(digest, push.work);
  await locks.own(other, async () => undefined);
  push.end();
  await running;

  await assert.rejects(
    locks.own(digest, async () => {
      throw new Error('the disk failed');
    }),
    /the disk failed/,
  );
  assert.equal(await locks.share(digest, async () => 'free'), 'free');
});
