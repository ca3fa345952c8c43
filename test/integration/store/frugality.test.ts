import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { chunkedBody } from '../../../node/content/body.ts';
import type { Store } from '../../../node/store/store.ts';
import { digestFromHash, type Digest } from '../../../shared/oci/digest.ts';
import type { PieceTable } from '../../../shared/pieces/piece-table.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import {
  bodyOf,
  chunkOf,
  chunksOf,
  never,
  pushSample,
  readBlob,
  sampleOf,
} from '../../contract/store/store-under-test.ts';
import { descriptorsUnder } from '../../support/open-descriptors.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { openTestStore } from '../../support/test-store.ts';

const MIB = 1024 * 1024;
const LARGE_BYTES = 600 * MIB;
/** Buffers for pieces (48 MiB), the hash thread with the loader that tests need, and what the collector lags behind. */
const MAX_GROWTH_BYTES = 150 * MIB;

test('A blob of 600 MiB goes in and comes from peers in bounded memory', async (t) => {
  await using folder = await openTemporaryFolder('frugality');
  await using store = await openTestStore({ folder: folder.path }, { clock: systemClock });
  const hash = createHash('sha256');
  for (const bytes of seededBytes('large', LARGE_BYTES)) hash.update(bytes);
  const digest = digestFromHash('sha256', hash.digest());
  const before = process.memoryUsage.rss();
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 10);

  const table = await upload(store, digest);
  await store.blobs.remove(digest);
  await download(store, digest, table);
  clearInterval(timer);

  t.diagnostic(`memory grew by ${Math.round((most - before) / MIB)} MiB`);
  assert.ok(most - before < MAX_GROWTH_BYTES);
});

test('Work of every kind, done and failed, leaves no descriptor open', async () => {
  await using folder = await openTemporaryFolder('frugality');
  const sample = sampleOf('some', 900_000);
  {
    await using store = await openTestStore({ folder: folder.path });
    for (let round = 0; round < 20; round += 1) await workOfEveryKind(store, round);
    const open = await descriptorsUnder(folder.path);
    assert.deepEqual(
      open.filter((path) => !path.startsWith(`${folder.path}/blobs/`)),
      [],
    );
    assert.ok(open.length <= 21, 'one for each blob that was read, and no more than are kept');
    assert.equal(await store.blobs.stat(sample.digest), undefined);
  }

  assert.deepEqual(await descriptorsUnder(folder.path), []);
});

test('Many slow uploads do not keep the memory that others need', async () => {
  await using folder = await openTemporaryFolder('frugality');
  await using store = await openTestStore({ folder: folder.path, uploadBufferBytes: 4 * MIB });
  const gone = new AbortController();
  const slow = async function* (started: () => void): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(1);
    started();
    await new Promise(() => undefined);
  };
  const ended: Promise<unknown>[] = [];
  for (let count = 0; count < 40; count += 1) {
    const id = await store.uploads.create('a/b');
    await new Promise<void>((started) => {
      ended.push(
        store.uploads.append('a/b', id, { body: chunkedBody(slow(started)) }, gone.signal).catch(() => undefined),
      );
    });
  }
  const sample = sampleOf('quick', 3 * MIB);

  await pushSample(store.uploads, sample);
  gone.abort(new Error('gone'));
  await Promise.all(ended);

  assert.deepEqual(await readBlob(store.blobs, sample.digest), sample.bytes);
});

test('A store that was not used has no thread and no file open but its folder', async () => {
  await using folder = await openTemporaryFolder('frugality');
  const threadsBefore = (await readdir('/proc/self/task')).length;
  await using _store = await openTestStore({ folder: folder.path });

  assert.deepEqual(await descriptorsUnder(folder.path), []);
  assert.ok((await readdir('/proc/self/task')).length <= threadsBefore + 4, 'the system threads of file calls alone');
});

async function upload({ uploads }: Store, digest: Digest): Promise<PieceTable> {
  const id = await uploads.create('a/b');
  const body = async function* (): AsyncGenerator<Uint8Array> {
    for (const bytes of seededBytes('large', LARGE_BYTES)) yield* chunksOf(bytes);
  };
  return (await uploads.finish('a/b', id, digest, { body: chunkedBody(body()) }, never)).table;
}

async function download({ partials }: Store, digest: Digest, table: PieceTable): Promise<void> {
  await using partial = await partials.openPartial(digest, table);
  const source = seededBytes('large', LARGE_BYTES);
  let rest = Buffer.alloc(0);
  const writing: Promise<boolean>[] = [];
  for (let pieceIndex = 0; pieceIndex < partial.verified.length; pieceIndex += 1) {
    const buffer = await partial.acquireBuffer(pieceIndex, never);
    while (rest.byteLength < buffer.bytes.byteLength)
      rest = Buffer.concat([rest, source.next().value ?? Buffer.alloc(0)]);
    buffer.bytes.set(rest.subarray(0, buffer.bytes.byteLength));
    rest = rest.subarray(buffer.bytes.byteLength);
    writing.push(partial.writePiece(buffer));
  }
  assert.ok((await Promise.all(writing)).every((isRight) => isRight));
  await partial.finish();
}

async function workOfEveryKind({ blobs, uploads, partials }: Store, round: number): Promise<void> {
  const sample = sampleOf(`work-${round}`, 900_000);
  await pushSample(uploads, sample);
  await readBlob(blobs, sample.digest);
  const id = await uploads.create('a/b');
  const broken = { body: bodyOf(sample.bytes, { breaksWith: new Error('broken') }) };
  await assert.rejects(uploads.append('a/b', id, broken, never), /broken/);
  await assert.rejects(uploads.append('a/b', id, { ...chunkOf(sample.bytes), lengthBytes: 1 }, never));
  await assert.rejects(uploads.append('a/b', id, { ...chunkOf(sample.bytes), firstByte: 1 }, never));
  await assert.rejects(uploads.finish('a/b', id, sample.digest, chunkOf(sample.bytes), never), {
    code: 'digest_mismatch',
  });
  await uploads.cancel('a/b', await uploads.create('a/b'));
  const other = sampleOf(`other-${round}`, 900_000);
  await using partial = await partials.openPartial(other.digest, other.table);
  const buffer = await partial.acquireBuffer(0, never);
  assert.equal(await partial.writePiece(buffer), false);
}
