import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { chunkedBody } from '../../../node/content/body.ts';
import { chunkOf, chunksOf, never, pushSample, readBlob, sampleOf } from '../../contract/store/store-under-test.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { needs } from '../../support/needs.ts';
import { openTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import { openTestStore } from '../../support/test-store.ts';

const MIB = 1024 * 1024;
const DISK_BYTES = 16 * MIB;
const full = { code: 'not_enough_space' };
const large = sampleOf('large', 20 * MIB);
const medium = sampleOf('medium', 9 * MIB);

describe('A full disk', needs({ root: true, commands: ['mount', 'umount'] }), () => {
  it('refuses an upload of known length before its first byte', async () => {
    await using disk = await openSmallDisk();
    await using store = await openTestStore({ folder: disk.path });
    const id = await store.uploads.create('a/b');
    let hasBegun = false;
    const body = async function* (): AsyncGenerator<Uint8Array> {
      hasBegun = true;
      yield* chunksOf(large.bytes);
    };

    await assert.rejects(
      store.uploads.append('a/b', id, { lengthBytes: 20 * MIB, body: chunkedBody(body()) }, never),
      full,
    );

    assert.equal(hasBegun, false);
    assert.equal(await store.uploads.offset('a/b', id), 0);
  });

  it('ends an upload of unknown length, gives its space back and keeps the session', async () => {
    await using disk = await openSmallDisk();
    const clock = new FakeClock();
    await using store = await openTestStore({ folder: disk.path }, { clock });
    const id = await store.uploads.create('a/b');

    await assert.rejects(store.uploads.append('a/b', id, chunkOf(large.bytes), never), full);
    await clock.advance(1_000);

    assert.equal(await store.uploads.offset('a/b', id), 0);
    await store.uploads.finish('a/b', id, medium.digest, chunkOf(medium.bytes), never);
    assert.deepEqual(await readBlob(store.blobs, medium.digest), medium.bytes);
  });

  it('answers the same to an upload when the system runs out of space before we know', async () => {
    await using disk = await openSmallDisk();
    await using store = await openTestStore({ folder: disk.path }); // its clock stands: the disk is asked once
    const id = await store.uploads.create('a/b');
    await store.blobs.usage();
    await writeFile(join(disk.path, 'ballast'), Buffer.alloc(10 * MIB));

    await assert.rejects(store.uploads.append('a/b', id, chunkOf(medium.bytes), never), full);
  });

  it('answers the same to a download when the system runs out of space before we know', async () => {
    await using disk = await openSmallDisk();
    await using store = await openTestStore({ folder: disk.path }); // its clock stands: the disk is asked once
    await store.blobs.usage();
    const ballast = join(disk.path, 'ballast');
    await writeFile(ballast, Buffer.alloc(10 * MIB));

    await using partial = await store.partials.openPartial(medium.digest, medium.table);
    const writing = async (): Promise<void> => {
      for (let pieceIndex = 0; pieceIndex < partial.verified.length; pieceIndex += 1) {
        const buffer = await partial.acquireBuffer(pieceIndex, never);
        const from = pieceIndex * medium.table.pieceBytes;
        buffer.bytes.set(medium.bytes.subarray(from, from + buffer.bytes.byteLength));
        await partial.writePiece(buffer);
      }
    };
    await assert.rejects(writing(), full);
    await rm(ballast);
    await writing();
    await partial.finish();

    assert.deepEqual(await readBlob(store.blobs, medium.digest), medium.bytes);
  });

  it('refuses a download that would not fit, and one more while another counts on the space', async () => {
    await using disk = await openSmallDisk();
    await using store = await openTestStore({ folder: disk.path });

    await assert.rejects(store.partials.openPartial(large.digest, large.table), full);
    await using _first = await store.partials.openPartial(medium.digest, medium.table);
    const other = sampleOf('other', 9 * MIB);
    await assert.rejects(store.partials.openPartial(other.digest, other.table), full);
  });

  it('keeps the reserve free', async () => {
    await using disk = await openSmallDisk();
    await using store = await openTestStore({ folder: disk.path, reserveBytes: 8 * MIB });

    await assert.rejects(pushSample(store.uploads, medium), full);

    assert.deepEqual(await readdir(join(disk.path, 'blobs', 'sha256')), []);
  });
});

/** A file system of its own, small and in memory. */
async function openSmallDisk(): Promise<TemporaryFolder> {
  const folder = await openTemporaryFolder('small-disk');
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', folder.path]);
  if (status !== 0) throw new Error(`mount failed: ${String(stderr)}`);
  return {
    path: folder.path,
    [Symbol.asyncDispose]: async () => {
      spawnSync('umount', [folder.path]);
      await folder[Symbol.asyncDispose]();
    },
  };
}
