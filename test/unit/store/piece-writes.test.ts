import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { PieceWrites } from '../../../node/store/piece-writes.ts';
import { sampleOf } from '../../contract/store/store-under-test.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

const sample = sampleOf('piece-writes', 600_000);
const { pieceBytes } = sample.table;

function pieceOf(pieceIndex: number): Buffer {
  return sample.bytes.subarray(pieceIndex * pieceBytes, (pieceIndex + 1) * pieceBytes);
}

test('A piece is read from memory while the disk hangs', async () => {
  await using world = await openWorld();
  const disk = world.hang();
  const writing = world.pieces.write(1, pieceOf(1));

  const got = await world.read(pieceBytes + 10, 2 * pieceBytes);

  assert.deepEqual(got, pieceOf(1).subarray(10));
  assert.equal(world.pieces.written.has(1), false);
  disk.goOn();
  await writing;
});

test('A read from the file ends before a piece that is only in memory so far', async () => {
  await using world = await openWorld();
  await world.pieces.write(0, pieceOf(0));
  await world.pieces.write(1, pieceOf(1));
  await world.pieces.write(3, pieceOf(3));
  const disk = world.hang();
  const writing = world.pieces.write(2, pieceOf(2));

  const before = await world.read(5, 4 * pieceBytes);
  disk.goOn();
  await writing;
  const after = await world.read(5, 4 * pieceBytes);

  assert.deepEqual(before, sample.bytes.subarray(5, 2 * pieceBytes));
  assert.deepEqual(after, sample.bytes.subarray(5, 4 * pieceBytes)); // the next is not there at all
});

test('A piece that the disk refused is not read, and may be written again', async () => {
  await using world = await openWorld();
  world.fail(Object.assign(new Error('full'), { code: 'ENOSPC' }));
  await assert.rejects(world.pieces.write(0, pieceOf(0)), /full/);

  await assert.rejects(world.read(0, 100), { code: 'blob_unavailable' });
  assert.throws(() => world.pieces.demandAll(), { code: 'not_enough_space' });
  world.fail(undefined);
  await world.pieces.write(0, pieceOf(0));

  assert.deepEqual(await world.read(0, 100), sample.bytes.subarray(0, 100));
});

/** A file whose writes hang or fail as the test wants. */
async function openWorld() {
  const folder = await openTemporaryFolder('piece-writes');
  const file = await open(join(folder.path, 'data'), 'w+');
  let gate: Promise<void> = Promise.resolve();
  let failure: Error | undefined;
  const pieces = new PieceWrites(
    {
      read: (...from: Parameters<typeof file.read>) => file.read(...from),
      write: async (...what: Parameters<typeof file.write>) => {
        await gate;
        if (failure !== undefined) throw failure;
        return file.write(...what);
      },
    } as unknown as typeof file,
    sample.table,
  );
  return {
    pieces,
    read: async (position: number, wantedBytes: number): Promise<Buffer> => {
      const target = Buffer.alloc(wantedBytes);
      return target.subarray(0, await pieces.read(target, position));
    },
    hang: () => {
      let goOn = (): void => undefined;
      gate = new Promise((resolve) => {
        goOn = resolve;
      });
      return { goOn };
    },
    fail: (error: Error | undefined) => {
      failure = error;
    },
    [Symbol.asyncDispose]: async () => {
      await file.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}
