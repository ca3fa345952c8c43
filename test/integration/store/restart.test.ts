import assert from 'node:assert/strict';
import { mkdir, open, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { chunkedBody } from '../../../node/content/body.ts';
import type { PartialBlob } from '../../../node/content/blob-store.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { chunkOf, never, pushSample, readBlob, sampleOf, type Sample } from '../../contract/store/store-under-test.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { openTestStore } from '../../support/test-store.ts';

const HOUR_MS = 3_600_000;
const sample = sampleOf('restart', 3_000_000);

test('An upload goes on after a restart where it was, with what it was told', async () => {
  await using folder = await openTemporaryFolder('restart');
  const id = await startUpload(folder.path, sample.bytes.subarray(0, 2_000_000));

  await using store = await openTestStore({ folder: folder.path });
  assert.equal(await store.uploads.offset('a/b', id), 2_000_000);
  assert.equal(await store.uploads.owner('a/b', id), 'alice');
  await assert.rejects(store.uploads.offset('a/c', id), { code: 'upload_unknown' });
  const adopted = await store.uploads.finish(
    'a/b',
    id,
    sample.digest,
    chunkOf(sample.bytes.subarray(2_000_000)),
    never,
  );

  assert.deepEqual(adopted.table, sample.table);
  assert.deepEqual(await readBlob(store.blobs, sample.digest), sample.bytes);
});

test('An upload far behind with its hash is read once more at the end', async () => {
  await using folder = await openTemporaryFolder('restart');
  const large = sampleOf('behind', 7_000_000);
  const id = await startUpload(folder.path, large.bytes.subarray(0, 5_000_000));

  await using store = await openTestStore({ folder: folder.path });
  const adopted = await store.uploads.finish('a/b', id, large.digest, chunkOf(large.bytes.subarray(5_000_000)), never);

  assert.deepEqual(adopted.table, large.table);
});

test('An upload that pauses for long is finished all the same', async () => {
  await using folder = await openTemporaryFolder('restart');
  const clock = new FakeClock();
  await using store = await openTestStore({ folder: folder.path }, { clock });
  const id = await store.uploads.create('a/b');
  await store.uploads.append('a/b', id, chunkOf(sample.bytes.subarray(0, 2_000_000)), never);

  await clock.advance(HOUR_MS);
  await store.uploads.append('a/b', id, chunkOf(sample.bytes.subarray(2_000_000, 2_500_000)), never);
  await clock.advance(HOUR_MS);
  await store.uploads.finish('a/b', id, sample.digest, chunkOf(sample.bytes.subarray(2_500_000)), never);

  assert.deepEqual(await readBlob(store.blobs, sample.digest), sample.bytes);
});

test('An upload expires 168 h after its last byte, in a running store and in one that was down (U-8)', async () => {
  await using folder = await openTemporaryFolder('restart');
  const clock = new FakeClock();
  const ids: string[] = [];
  {
    await using store = await openTestStore({ folder: folder.path }, { clock });
    for (let count = 0; count < 3; count += 1) ids.push(await store.uploads.create('a/b'));
    await clock.advance(100 * HOUR_MS);
    for (const id of ids.slice(1)) await store.uploads.append('a/b', id, chunkOf(sample.bytes), never);
    await clock.advance(69 * HOUR_MS);

    await assert.rejects(store.uploads.offset('a/b', String(ids[0])), { code: 'upload_unknown' });
    assert.equal(await store.uploads.offset('a/b', String(ids[1])), sample.bytes.byteLength);
    await store.uploads.append('a/b', String(ids[2]), chunkOf(sample.bytes), never);
  }
  await clock.advance(100 * HOUR_MS);

  await using store = await openTestStore({ folder: folder.path }, { clock });
  await assert.rejects(store.uploads.offset('a/b', String(ids[1])), { code: 'upload_unknown' });
  assert.equal(await store.uploads.offset('a/b', String(ids[2])), 2 * sample.bytes.byteLength);
  assert.deepEqual(await readdir(join(folder.path, 'uploads')), [ids[2]]);
});

test('Closing the store interrupts a writer and keeps its bytes', async () => {
  await using folder = await openTemporaryFolder('restart');
  const store = await openTestStore({ folder: folder.path });
  const id = await store.uploads.create('a/b');
  const closing: Promise<void>[] = [];
  const body = async function* (): AsyncGenerator<Uint8Array> {
    yield sample.bytes.subarray(0, 300_000);
    closing.push(Promise.resolve(store[Symbol.asyncDispose]()));
    await new Promise(() => undefined);
  };

  await assert.rejects(store.uploads.append('a/b', id, { body: chunkedBody(body()) }, never), {
    code: 'shutting_down',
  });
  await Promise.all(closing);
  await assert.rejects(store.uploads.create('a/b'), { code: 'shutting_down' });

  await using again = await openTestStore({ folder: folder.path });
  assert.equal(await again.uploads.offset('a/b', id), 300_000);
});

test('A download goes on after a restart with the pieces that are still right', async () => {
  await using folder = await openTemporaryFolder('restart');
  {
    await using store = await openTestStore({ folder: folder.path });
    await using partial = await store.partials.openPartial(sample.digest, sample.table);
    for (const pieceIndex of [0, 1, 2, 9]) await writePiece(partial, sample, pieceIndex);
  }
  await spoil(join(partialFolder(folder.path), 'data'), sample.table.pieceBytes + 5);

  await using store = await openTestStore({ folder: folder.path });
  await using partial = await store.partials.openPartial(sample.digest, sample.table);
  assert.deepEqual(
    [0, 1, 2, 9].map((index) => partial.verified.has(index)),
    [true, false, true, true],
  );
  assert.equal(partial.verified.count, 3);
  for (let pieceIndex = 0; pieceIndex < partial.verified.length; pieceIndex += 1)
    await writePiece(partial, sample, pieceIndex);
  await partial.finish();

  assert.deepEqual(await readBlob(store.blobs, sample.digest), sample.bytes);
});

test('Progress of a download reaches the disk within a moment, not only at the end', async () => {
  await using folder = await openTemporaryFolder('restart');
  const clock = new FakeClock();
  await using store = await openTestStore({ folder: folder.path }, { clock });
  await using partial = await store.partials.openPartial(sample.digest, sample.table);
  await writePiece(partial, sample, 0);
  const have = join(partialFolder(folder.path), 'have');
  assert.equal((await stat(have)).size, 0);

  await clock.advance(50);
  while ((await stat(have)).size === 0) await new Promise((resolve) => setImmediate(resolve));

  assert.equal((await stat(have)).size, Math.ceil(partial.verified.length / 8));
});

test('A download that nobody came back to is thrown away, one that is open is not', async () => {
  await using folder = await openTemporaryFolder('restart');
  const clock = new FakeClock();
  await using store = await openTestStore({ folder: folder.path }, { clock });
  const other = sampleOf('other', 200_000);
  await using _open = await store.partials.openPartial(other.digest, other.table);
  await (await store.partials.openPartial(sample.digest, sample.table))[Symbol.asyncDispose]();

  await clock.advance(200 * HOUR_MS);
  while ((await readdir(join(folder.path, 'partial'))).length > 1) await clock.advance(HOUR_MS);

  assert.deepEqual(await readdir(join(folder.path, 'partial')), [other.digest.replace(':', '-')]);
});

test('A start removes what a crash left and computes a lost piece table again', async () => {
  await using folder = await openTemporaryFolder('restart');
  {
    await using store = await openTestStore({ folder: folder.path });
    await pushSample(store.uploads, sample);
  }
  const path = blobPath(folder.path, sample);
  await rm(`${path}.table`);
  const orphan = `${path.slice(0, -1)}${path.endsWith('0') ? '1' : '0'}.table`;
  await writeFile(orphan, 'a table whose blob was not renamed');
  await writeFile(`${path}.table.tmp`, 'half a table');
  await mkdir(join(folder.path, 'uploads', 'not-a-session'));
  await mkdir(join(folder.path, 'uploads', '00000000-0000-4000-8000-000000000000'));
  await mkdir(join(folder.path, 'partial', 'sha256-xyz'));

  await using store = await openTestStore({ folder: folder.path });
  const tables = await Promise.all([1, 2].map(() => store.blobs.table(sample.digest)));

  for (const table of tables) assert.deepEqual(table, sample.table);
  assert.deepEqual(
    (await readdir(join(path, '..'))).toSorted(),
    [path, `${path}.table`].map((name) => name.split('/').at(-1)),
  );
  assert.deepEqual(await readdir(join(folder.path, 'uploads')), []);
  assert.deepEqual(await readdir(join(folder.path, 'partial')), []);
});

test('A torn piece table is computed again', async () => {
  await using folder = await openTemporaryFolder('restart');
  await using store = await openTestStore({ folder: folder.path });
  await pushSample(store.uploads, sample);
  await spoil(`${blobPath(folder.path, sample)}.table`, 40);

  assert.deepEqual(await store.blobs.table(sample.digest), sample.table);
});

test('A data folder has one store at a time, of the layout that it was made with', async () => {
  await using folder = await openTemporaryFolder('restart');
  {
    await using _store = await openTestStore({ folder: folder.path });
    await assert.rejects(openTestStore({ folder: folder.path }), { code: 'config_invalid' });
  }
  await writeFile(join(folder.path, 'layout'), '2\n');

  await assert.rejects(openTestStore({ folder: folder.path }), { code: 'config_invalid', message: /layout 2/ });
  assert.deepEqual(
    (await readdir(folder.path)).filter((name) => name.startsWith('lock-')),
    [],
  );
});

test('Folders are for their owner alone', async () => {
  await using temporary = await openTemporaryFolder('restart');
  const folder = join(temporary.path, 'made');
  await using store = await openTestStore({ folder });
  await pushSample(store.uploads, sample);

  const entries = await readdir(folder, { recursive: true });
  for (const name of entries) {
    const { mode } = await stat(join(folder, name));
    assert.equal(mode & 0o077, 0, name);
  }
});

async function startUpload(folder: string, bytes: Uint8Array): Promise<string> {
  await using store = await openTestStore({ folder });
  const id = await store.uploads.create('a/b', { owner: 'alice' });
  await store.uploads.append('a/b', id, chunkOf(bytes), never);
  return id;
}

async function writePiece(partial: PartialBlob, { bytes, table }: Sample, pieceIndex: number): Promise<void> {
  const buffer = await partial.acquireBuffer(pieceIndex, never);
  const from = pieceIndex * table.pieceBytes;
  buffer.bytes.set(bytes.subarray(from, from + buffer.bytes.byteLength));
  assert.equal(await partial.writePiece(buffer), true);
}

/** Changes one byte of a file. */
async function spoil(path: string, at: number): Promise<void> {
  const handle = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ 0xff;
  await handle.write(byte, 0, 1, at);
  await handle.close();
}

function partialFolder(folder: string): string {
  return join(folder, 'partial', sample.digest.replace(':', '-'));
}

function blobPath(folder: string, { bytes }: Sample): string {
  const hex = digestOf(bytes).slice('sha256:'.length);
  return join(folder, 'blobs', 'sha256', hex.slice(0, 2), hex);
}
