import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { HashWorkers } from '../../../node/store/hash-workers.ts';
import { PartialHash } from '../../../node/store/partial-hash.ts';
import { Bitfield } from '../../../shared/pieces/bitfield.ts';
import { pieceCount, pieceLength } from '../../../shared/pieces/piece-table.ts';
import { sampleOf } from '../../contract/store/store-under-test.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

const sample = sampleOf('partial-hash', 1_500_000);
const wholeHash = createHash('sha256').update(sample.bytes).digest();
const count = pieceCount(sample.table);

function pieceOf(pieceIndex: number): Uint8Array {
  const at = pieceIndex * sample.table.pieceBytes;
  return sample.bytes.subarray(at, at + pieceLength(sample.table, pieceIndex));
}

test('The whole has its hash in whatever order pieces come, are absorbed and are written', async () => {
  await using world = await openWorld();
  const order = fc.shuffledSubarray(
    Array.from({ length: count }, (_, index) => index),
    { minLength: count },
  );
  await fc.assert(
    fc.asyncProperty(order, fc.infiniteStream(fc.boolean()), async (pieces, waits) => {
      const { hash, write } = world.begin();
      const absorbing: Promise<void>[] = [];

      for (const piece of pieces) {
        assert.ok(await hash.verify(piece, pieceOf(piece)));
        absorbing.push(hash.absorb(piece, pieceOf(piece)));
        await write(piece);
        if (waits.next().value === true) await Promise.all(absorbing);
      }
      const got = await hash.finish();

      assert.ok(wholeHash.equals(got));
    }),
    { numRuns: 25 },
  );
});

test('A piece that is absorbed but could not be written, and comes again, counts once', async () => {
  await using world = await openWorld();
  const { hash, write } = world.begin();

  await hash.absorb(0, pieceOf(0)); // its write failed
  await hash.absorb(0, pieceOf(0));
  for (let piece = 0; piece < count; piece += 1) await write(piece);

  assert.ok(wholeHash.equals(await hash.finish()));
});

test('Threads that die in the middle of a download cost the check under way, and the whole is read again', async () => {
  await using world = await openWorld();
  const { hash, write } = world.begin();
  const absorbing: Promise<void>[] = [];
  await world.threadIsUp(hash);
  for (let piece = 0; piece < count; piece += 1) {
    assert.ok(await hash.verify(piece, pieceOf(piece)));
    absorbing.push(hash.absorb(piece, pieceOf(piece)));
    await write(piece);
    if (piece === 4) {
      const underWay = hash.verify(0, pieceOf(0));
      const failed = assert.rejects(underWay, /hash thread/);
      await world.endThreads();
      await failed;
    }
  }

  await Promise.all(absorbing);

  assert.ok(wholeHash.equals(await hash.finish()));
});

for (const when of ['while its thread starts', 'on its thread'] as const) {
  test(`Wrong bytes are found out by the check ${when}`, async () => {
    await using world = await openWorld();
    const { hash } = world.begin();
    const wrong = Uint8Array.from(pieceOf(1));
    wrong[7] = (wrong[7] ?? 0) ^ 1;
    if (when === 'on its thread') await world.threadIsUp(hash);

    const verdicts = [hash.verify(1, wrong), hash.verify(0, pieceOf(1)), hash.verify(1, pieceOf(1))];

    assert.deepEqual(await Promise.all(verdicts), [false, false, true]);
    hash.close();
  });
}

test('The first piece does not wait for the thread that will check the others', async () => {
  await using world = await openWorld();
  const { hash } = world.begin();
  let verdict: boolean | undefined;

  void hash.verify(0, pieceOf(0)).then((isRight) => (verdict = isRight));
  await microtasks(); // no thread can answer in these

  assert.equal(verdict, true);
  hash.close();
});

test('Once the thread has answered it makes the checks', async () => {
  await using world = await openWorld();
  const { hash } = world.begin();
  await world.threadIsUp(hash);
  let verdict: boolean | undefined;

  const verifying = hash.verify(0, pieceOf(0)).then((isRight) => (verdict = isRight));
  await microtasks();

  assert.equal(verdict, undefined);
  assert.equal(await verifying, true);
  hash.close();
});

async function microtasks(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

/** A file that pieces are written to, and threads that live as long as the test wants. */
async function openWorld() {
  const folder = await openTemporaryFolder('partial-hash');
  const path = join(folder.path, 'data');
  const file = await open(path, 'w+');
  const hashes = new HashWorkers({ clock: new FakeClock() }, { threadCount: 2 });
  return {
    begin: () => {
      const written = new Bitfield(count);
      const options = { algorithm: 'sha256', table: sample.table, path, written } as const;
      const hash = new PartialHash({ hashes }, options);
      const write = async (piece: number): Promise<void> => {
        await file.write(pieceOf(piece), 0, undefined, piece * sample.table.pieceBytes);
        written.add(piece);
        hash.wrote();
      };
      return { hash, write };
    },
    /** Only a thread reads files. */
    threadIsUp: async (hash: PartialHash) => {
      await file.write(pieceOf(0), 0, undefined, 0);
      assert.ok(await hash.verifyFile(0));
    },
    /** Those that come after are others. */
    endThreads: () => hashes[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: async () => {
      await hashes[Symbol.asyncDispose]();
      await file.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}
