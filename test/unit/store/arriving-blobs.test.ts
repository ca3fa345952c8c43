import assert from 'node:assert/strict';
import { mkdir, readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { ArrivingBlobs } from '../../../node/store/arriving-blobs.ts';
import type { BlobAdopter, BlobCandidate } from '../../../node/store/blob-files.ts';
import { FileWindows } from '../../../node/store/file-windows.ts';
import { BufferPool } from '../../../node/store/buffer-pool.ts';
import { HashWorkers } from '../../../node/store/hash-workers.ts';
import { loadLinuxMemory } from '../../../node/store/linux-memory.ts';
import { SpaceGuard } from '../../../node/store/space-guard.ts';
import { StorePaths } from '../../../node/store/store-paths.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { bodyOf, never, sampleOf } from '../../contract/store/store-under-test.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

const unsupported = (await loadLinuxMemory()).type !== 'loaded' && 'this system cannot show files as memory';
const sample = sampleOf('arriving', 1_500_000);
const blob = { digest: sample.digest, sizeBytes: sample.bytes.byteLength };

test('Readers have the digest while the piece table is still being made, and adoption waits for the table', async () => {
  await using world = await openWorld();
  await using arriving = await world.arriving.openArriving(blob);
  await arriving.receive(bodyOf(sample.bytes), never);

  await arriving.verify();
  const adopting = arriving.adopt();
  await world.settle();
  assert.deepEqual(world.adopted, []);
  world.releaseTable();
  const { table } = await adopting;

  assert.deepEqual(table, sample.table);
  assert.deepEqual(
    world.adopted.map(({ digest }) => digest),
    [sample.digest],
  );
});

test('A wrong digest is told although the piece table is still being made, and nothing is kept', async () => {
  await using world = await openWorld();
  const wrong = Buffer.from(sample.bytes);
  wrong[sample.bytes.byteLength - 1] = (wrong.at(-1) ?? 0) ^ 1;
  {
    await using arriving = await world.arriving.openArriving(blob);
    await arriving.receive(bodyOf(wrong), never);

    await assert.rejects(arriving.verify(), { code: 'digest_mismatch' });
    await assert.rejects(arriving.adopt(), /verified before/);
  }
  world.releaseTable();
  await world.settle();

  assert.deepEqual(world.adopted, []);
  assert.deepEqual(await readdir(world.paths.arriving), []);
  assert.equal(world.buffers.usedBytes, 0);
});

test('A piece table that cannot be made keeps a verified blob from being adopted', async () => {
  await using world = await openWorld();
  await using arriving = await world.arriving.openArriving(blob);
  await arriving.receive(bodyOf(sample.bytes), never);
  await arriving.verify();

  const adopting = arriving.adopt();
  world.failTable(new Error('the hash thread has ended'));

  await assert.rejects(adopting, /has ended/);
  assert.deepEqual(world.adopted, []);
});

test('What came is lent as far as it can be read, while the rest is still to come', { skip: unsupported }, async () => {
  await using world = await openWorld();
  await using arriving = await world.arriving.openArriving(blob);
  const half = bodyOf(sample.bytes.subarray(0, 700_001), { breaksWith: new Error('broke off') });
  await assert.rejects(arriving.receive(half, never), /broke off/);

  const lent = await arriving.lend(4097, 1_000_000);
  // Only a test may look: nobody can take this file's disk away.
  assert.ok(Buffer.from(lent?.bytes ?? []).equals(sample.bytes.subarray(4097, 700_001)));
  lent?.release();
  assert.equal(await arriving.lend(700_001, 10), undefined);

  await arriving.receive(bodyOf(sample.bytes.subarray(700_001)), never);
  const rest = await arriving.lend(700_001, 10);
  assert.ok(Buffer.from(rest?.bytes ?? []).equals(sample.bytes.subarray(700_001, 700_011)));
  rest?.release();
});

/** Arriving blobs whose piece tables are made when the test says so. */
async function openWorld() {
  const folder = await openTemporaryFolder('arriving');
  const clock = new FakeClock();
  const paths = new StorePaths(folder.path);
  await mkdir(paths.arriving, { recursive: true });
  const hashes = new HashWorkers({ clock }, { threadCount: 2 });
  let settleTable: { readonly release: () => void; readonly fail: (reason: Error) => void } | undefined;
  const tableTurn = new Promise<void>((release, fail) => {
    settleTable = { release, fail };
  });
  tableTurn.catch(() => undefined);
  const openStream: HashWorkers['openStream'] = (plan) => {
    const stream = hashes.openStream(plan);
    const finishTable = stream.finishTable.bind(stream);
    stream.finishTable = () => tableTurn.then(finishTable);
    return stream;
  };
  const buffers = new BufferPool({ clock }, { capacityBytes: 12 * 1024 * 1024 });
  const space = new SpaceGuard({ clock, readFree: () => Promise.resolve(1e12) }, { reserveBytes: 0 });
  const windows = new FileWindows({ log: silentLogger });
  const adopted: BlobCandidate[] = [];
  const blobs: BlobAdopter = {
    adopt: (candidate) => {
      adopted.push(candidate);
      return Promise.resolve();
    },
  };
  return {
    paths,
    buffers,
    adopted,
    arriving: new ArrivingBlobs({ clock, paths, buffers, hashes: { openStream }, space, blobs, windows }),
    releaseTable: () => settleTable?.release(),
    failTable: (reason: Error) => settleTable?.fail(reason),
    /** Lets all that can go on without the table go on: a round trip to the disk and to each hash thread. */
    settle: async () => {
      for (const plan of [{ type: 'table' }, { type: 'table' }] as const) {
        await hashes.openStream(plan).finishTable();
        await readdir(paths.arriving);
      }
    },
    [Symbol.asyncDispose]: async () => {
      buffers.close();
      await hashes[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
