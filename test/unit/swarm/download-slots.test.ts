import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DownloadSlots, type DownloadSlot } from '../../../node/swarm/download-slots.ts';

async function isGranted(slot: DownloadSlot): Promise<boolean> {
  return Promise.race([slot.granted.then(() => true), new Promise<boolean>((resolve) => setImmediate(resolve, false))]);
}

test("A client's download starts before background work that waits longer, which never takes all places", async () => {
  const slots = new DownloadSlots({ maxRunning: 3, maxBackground: 2 });
  const background = [1, 2, 3].map(() => slots.take('background'));
  const client = slots.take('client');

  assert.deepEqual(await Promise.all([...background, client].map(isGranted)), [true, true, false, true]);
});

test('Background work that a client begins to wait for moves up, and freed places are passed on', async () => {
  const slots = new DownloadSlots({ maxRunning: 1, maxBackground: 1 });
  const running = slots.take('client');
  const first = slots.take('background');
  const second = slots.take('background');

  second.setPriority('client');
  running.release();
  running.release();
  assert.deepEqual([await isGranted(first), await isGranted(second)], [false, true]);
  second.release();

  assert.equal(await isGranted(first), true);
});
