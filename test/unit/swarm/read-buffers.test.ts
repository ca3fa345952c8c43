// Buffers between disk and peers: as large as the read, used again, and bounded in bytes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { READ_BYTES, ReadBuffers } from '../../../node/swarm/read-buffers.ts';

const SMALL_BYTES = 32 * 1024;

test('A buffer is about as large as what it is wanted for, and used again', async () => {
  const buffers = new ReadBuffers();
  const small = await buffers.acquire(20_000);
  assert.equal(small.byteLength, SMALL_BYTES);
  const middle = await buffers.acquire(100_000);
  assert.equal(middle.byteLength, 4 * SMALL_BYTES);
  buffers.release(small);
  buffers.release(middle);

  assert.equal(await buffers.acquire(SMALL_BYTES), small);
  assert.equal(await buffers.acquire(4 * SMALL_BYTES), middle);
  assert.equal((await buffers.acquire(READ_BYTES)).byteLength, READ_BYTES);
});

test('Who sends little to many makes no new buffer for each part', async () => {
  const buffers = new ReadBuffers();
  const known = new Set<Buffer>();
  for (let turn = 0; turn < 100; turn += 1) {
    const out: Buffer[] = [];
    for (let peer = 0; peer < 40; peer += 1) out.push(await buffers.acquire(SMALL_BYTES));
    for (const buffer of out) {
      known.add(buffer);
      buffers.release(buffer);
    }
  }
  assert.equal(known.size, 40);
});

test('No more than 32 MiB are out, and who waits is served in order, a small one not before a large one', async () => {
  const buffers = new ReadBuffers();
  const out: Buffer[] = [];
  for (let index = 0; index < 32; index += 1) out.push(await buffers.acquire(READ_BYTES));
  const served: string[] = [];
  const large = buffers.acquire(READ_BYTES).then((buffer) => {
    served.push('large');
    return buffer;
  });
  const small = buffers.acquire(1).then((buffer) => {
    served.push('small');
    return buffer;
  });
  await Promise.resolve();
  assert.deepEqual(served, []);

  for (const buffer of out.splice(0, 1)) buffers.release(buffer);
  const [first] = [await large];
  assert.deepEqual(served, ['large']);

  buffers.release(first);
  buffers.release(await small);
  assert.deepEqual(served, ['large', 'small']);
});
