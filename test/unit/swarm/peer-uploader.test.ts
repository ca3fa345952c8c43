// Sending pieces to a neighbour that stops taking them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PeerUploader, type UploadConnection } from '../../../node/swarm/peer-uploader.ts';
import { ReadBuffers } from '../../../node/swarm/read-buffers.ts';
import { PieceSet } from '../../../node/swarm/scheduler/piece-set.ts';
import { TransferLimiter } from '../../../node/swarm/transfer-limiter.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const PIECE_BYTES = 128 * 1024;
const PART_BYTES = 32 * 1024;

class CountedBuffers extends ReadBuffers {
  out = 0;

  override async acquire(lengthBytes: number): Promise<Buffer> {
    const buffer = await super.acquire(lengthBytes);
    this.out += 1;
    return buffer;
  }

  override release(buffer: Buffer): void {
    this.out -= 1;
    super.release(buffer);
  }
}

test('A cancelled piece of our own choice frees its place, whether it waits or is being sent; one that has gone is not here any more', async () => {
  const clock = new FakeClock();
  const served: Array<readonly [number, boolean]> = [];
  const nothing = (): void => undefined;
  const blob = { has: PieceSet.full(3), pieceLength: () => PIECE_BYTES, readFully: async () => undefined };
  const digest = digestOf(Buffer.from('a layer'));
  const channel = { digest, cut: { pieceBytes: PIECE_BYTES }, localNumber: 0, isClosed: false, blob };
  const connection: UploadConnection = {
    ...{ peerId: 'node-1', isToOtherZone: false, partBytes: PIECE_BYTES },
    ...{ unreserve: nothing, send: nothing, close: nothing },
    reserve: (_, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(false))),
    sendData: nothing,
  };
  const limiter = new TransferLimiter({ clock }, { allBytesPerSecond: Infinity, farBytesPerSecond: Infinity });
  const uploader = new PeerUploader({
    ...{ connection, clock, log: silentLogger, buffers: new ReadBuffers(), limiter, sent: nothing },
    channel: () => channel,
    creditServed: (_, pieceIndex, isSent) => void served.push([pieceIndex, isSent]),
  });
  for (const pieceIndex of [0, 1]) uploader.add({ channel: 0, pieceIndex, isByCredit: true });

  const areHere = [1, 0, 2].map((pieceIndex) => uploader.cancel(0, pieceIndex));
  await clock.advance(0);

  assert.deepEqual(areHere, [true, true, false]);
  assert.deepEqual(served, [
    [1, false],
    [0, false],
  ]);
});

test('A piece is read once for all its parts, and again when its peer took nothing for a second, whose buffer others may have', async () => {
  const clock = new FakeClock();
  const buffers = new CountedBuffers();
  const waiting: Array<(isReserved: boolean) => void> = [];
  const reads: number[] = [];
  const sent: number[] = [];
  const nothing = (): void => undefined;
  const blob = {
    has: PieceSet.full(1),
    pieceLength: () => PIECE_BYTES,
    readFully: async (_: Uint8Array, position: number) => void reads.push(position),
  };
  const digest = digestOf(Buffer.from('a layer'));
  const channel = { digest, cut: { pieceBytes: PIECE_BYTES }, localNumber: 0, isClosed: false, blob };
  const connection: UploadConnection = {
    ...{ peerId: 'node-1', isToOtherZone: false, partBytes: PART_BYTES },
    ...{ unreserve: nothing, send: nothing, close: nothing },
    reserve: () => new Promise((resolve) => waiting.push(resolve)),
    sendData: ({ offset }, _, { onSent }) => {
      sent.push(offset);
      onSent();
    },
  };
  const limiter = new TransferLimiter({ clock }, { allBytesPerSecond: Infinity, farBytesPerSecond: Infinity });
  const uploader = new PeerUploader({
    ...{ connection, clock, log: silentLogger, buffers, limiter, sent: nothing },
    channel: () => channel,
    creditServed: nothing,
  });
  const takeOne = async (): Promise<void> => {
    waiting.shift()?.(true);
    await clock.advance(0);
  };
  uploader.add({ channel: 0, pieceIndex: 0, isByCredit: false });

  await takeOne();
  await takeOne();
  assert.deepEqual([sent, reads, buffers.out], [[0, PART_BYTES], [0], 1]);
  await clock.advance(1000);
  assert.equal(buffers.out, 0);

  await takeOne();
  await takeOne();
  assert.deepEqual(sent, [0, PART_BYTES, 2 * PART_BYTES, 3 * PART_BYTES]);
  assert.deepEqual(reads, [0, 2 * PART_BYTES]);
  assert.equal(buffers.out, 0);
});
