import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { BlobHash } from '../../../node/store/blob-hash.ts';
import { HashWorkers } from '../../../node/store/hash-workers.ts';
import { UploadHash } from '../../../node/store/upload-hash.ts';
import { sampleOf } from '../../contract/store/store-under-test.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

const sample = sampleOf('both', 1_500_000);
const wholeHash = createHash('sha256').update(sample.bytes).digest();
const half = 700_000;

function newWorkers(threadCount: number): HashWorkers {
  return new HashWorkers({ clock: new FakeClock() }, { threadCount });
}

for (const threadCount of [1, 2]) {
  test(`BlobHash makes digest and table of the same bytes with ${threadCount} thread(s)`, async () => {
    await using hashes = newWorkers(threadCount);
    const hash = new BlobHash({ hashes }, { algorithm: 'sha256' });

    await hash.absorb(sample.bytes.subarray(0, half), 0);
    await hash.absorb(sample.bytes.subarray(half), half);
    const [whole, table] = await Promise.all([hash.finishWhole(), hash.finishTable()]);
    hash.close();

    assert.equal(hashes.runningCount, threadCount);
    assert.ok(wholeHash.equals(whole));
    assert.deepEqual(table, sample.table);
  });
}

test('BlobHash is lost when either of its threads is', async () => {
  await using lasting = newWorkers(1);
  const dying = newWorkers(1);
  const hashes: Pick<HashWorkers, 'openStream'> = {
    openStream: (plan) => (plan.type === 'table' ? dying : lasting).openStream(plan),
  };
  const hash = new BlobHash({ hashes }, { algorithm: 'sha256' });
  await hash.absorb(sample.bytes.subarray(0, half), 0);

  await dying[Symbol.asyncDispose]();

  assert.ok(hash.isLost);
  await assert.rejects(hash.absorb(sample.bytes.subarray(half), half), /hash thread/);
  hash.close();
});

test('Bytes that one thread still reads are not given back because the other one failed', async () => {
  await using hashes = newWorkers(1);
  const gone = newWorkers(1);
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const hash = new BlobHash(
    {
      hashes: {
        openStream: (plan) => {
          const stream = (plan.type === 'table' ? gone : hashes).openStream(plan);
          if (plan.type === 'whole') stream.absorb = () => held;
          return stream;
        },
      },
    },
    { algorithm: 'sha256' },
  );
  await gone[Symbol.asyncDispose]();
  let isSettled = false;

  const absorbing = hash.absorb(sample.bytes, 0).finally(() => {
    isSettled = true;
  });
  // The failure of the other thread is known after a few turns at most.
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isSettled, false);
  release();

  await assert.rejects(absorbing, /hash thread/);
  hash.close();
});

test('An upload whose hash threads die in the middle gets its hashes from the file', async () => {
  await using folder = await openTemporaryFolder('upload-hash');
  const path = join(folder.path, 'data');
  await writeFile(path, sample.bytes);
  await using hashes = newWorkers(2);
  const hash = new UploadHash({ hashes }, { path, algorithm: 'sha256' });
  await hash.follow(0);
  await hash.absorb(sample.bytes.subarray(0, half), 0);

  await hashes[Symbol.asyncDispose]();
  await hash.absorb(sample.bytes.subarray(half), half);
  const finishing = hash.finish('sha256', sample.bytes.byteLength);
  const [digest, table] = await Promise.all([finishing.digest, finishing.table]);
  hash.forget();

  assert.equal(digest, sample.digest);
  assert.deepEqual(table, sample.table);
});

test('An upload that is finished under another algorithm than it began with keeps its table', async () => {
  await using folder = await openTemporaryFolder('upload-hash');
  const path = join(folder.path, 'data');
  const other = sampleOf('both', 1_500_000, 'sha512');
  await writeFile(path, other.bytes);
  await using hashes = newWorkers(2);
  const hash = new UploadHash({ hashes }, { path, algorithm: 'sha256' });
  await hash.follow(0);
  await hash.absorb(other.bytes, 0);

  const finishing = hash.finish('sha512', other.bytes.byteLength);
  const [digest, table] = await Promise.all([finishing.digest, finishing.table]);
  hash.forget();

  assert.equal(digest, other.digest);
  assert.deepEqual(table, other.table);
});

test('Hashes of pieces that could not be made begin again from the file, on other threads, the next time', async () => {
  await using folder = await openTemporaryFolder('upload-hash');
  const path = join(folder.path, 'data');
  await writeFile(path, sample.bytes);
  await using workers = newWorkers(2);
  let openedTables = 0;
  const hashes: Pick<HashWorkers, 'openStream'> = {
    openStream: (plan) => {
      const stream = workers.openStream(plan);
      if (plan.type === 'table' && ++openedTables === 1)
        stream.absorbFile = () => Promise.reject(new Error('the disk gives less than it has'));
      return stream;
    },
  };
  const hash = new UploadHash({ hashes }, { path, algorithm: 'sha256' });
  const cut = { pieceBytes: sample.table.pieceBytes, firstPiece: 0, endBytes: sample.bytes.byteLength };
  await assert.rejects(hash.pieces(cut), /gives less/);

  const pieces = await hash.pieces(cut);
  hash.forget();

  assert.deepEqual(Buffer.from(pieces), Buffer.from(sample.table.hashes.subarray(0, pieces.byteLength)));
  assert.equal(pieces.byteLength, Math.floor(cut.endBytes / cut.pieceBytes) * 32);
});
