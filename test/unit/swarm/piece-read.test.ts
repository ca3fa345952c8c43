// Parts of a stretch that was read once share its buffer, which goes back when the last of them was sent.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PieceRead } from '../../../node/swarm/piece-read.ts';
import { ReadBuffers } from '../../../node/swarm/read-buffers.ts';

class CountedBuffers extends ReadBuffers {
  released = 0;

  override release(buffer: Buffer): void {
    this.released += 1;
    super.release(buffer);
  }
}

async function fillNumbers(target: Uint8Array): Promise<void> {
  for (let at = 0; at < target.byteLength; at += 1) target[at] = at % 251;
  await Promise.resolve();
}

test('A part has the bytes of its place in the piece, wherever the stretch begins', async () => {
  const read = await PieceRead.read(new ReadBuffers(), { offset: 1000, lengthBytes: 500 }, fillNumbers);
  assert.equal(read.endOffset, 1500);
  assert.deepEqual([...read.hold({ offset: 1000, lengthBytes: 3 })], [0, 1, 2]);
  assert.deepEqual([...read.hold({ offset: 1490, lengthBytes: 2 })], [490 % 251, 491 % 251]);
});

test('The buffer goes back once, when the reader and every part have let it go, in any order', async () => {
  const buffers = new CountedBuffers();
  const read = await PieceRead.read(buffers, { offset: 0, lengthBytes: 100 }, fillNumbers);
  read.hold({ offset: 0, lengthBytes: 50 });
  read.letGo(); // the reader
  assert.equal(buffers.released, 0);
  read.letGo(); // the part
  assert.equal(buffers.released, 1);
});

test('A read that fails gives its buffer back and says why', async () => {
  const buffers = new CountedBuffers();
  const failing = PieceRead.read(buffers, { offset: 0, lengthBytes: 100 }, () => Promise.reject(new Error('bad disk')));
  await assert.rejects(failing, /bad disk/);
  assert.equal(buffers.released, 1);
});
