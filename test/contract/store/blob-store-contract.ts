import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EMPTY_DIGEST } from '../../../shared/oci/digest.ts';
import { never, pushSample, readBlob, sampleOf, type OpenStoreUnderTest } from './store-under-test.ts';

const tiny = sampleOf('tiny', 1);
const leaf = sampleOf('leaf', 128 * 1024);
const several = sampleOf('several', 700_000);
const long = sampleOf('long', 300_000, 'sha512');

/** What every blob store does. */
export function blobStoreContract(name: string, openStore: OpenStoreUnderTest): void {
  describe(`${name} as a blob store`, () => {
    it('knows nothing of a blob that is not there', async () => {
      await using store = await openStore();

      assert.equal(await store.blobs.stat(tiny.digest), undefined);
      assert.equal(await store.blobs.open(tiny.digest), undefined);
      assert.equal(await store.blobs.table(tiny.digest), undefined);
      await store.blobs.remove(tiny.digest);
    });

    it('tells size and piece table of what it holds', async () => {
      await using store = await openStore();
      for (const sample of [tiny, leaf, several, long]) {
        await pushSample(store.uploads, sample);

        const sizeBytes = sample.bytes.byteLength;
        assert.deepEqual(await store.blobs.stat(sample.digest), { digest: sample.digest, sizeBytes });
        assert.deepEqual(await store.blobs.table(sample.digest), sample.table);
      }
    });

    it('reads at any position, and nothing at the end', async () => {
      await using store = await openStore();
      await pushSample(store.uploads, several);
      await using reader = await store.blobs.open(several.digest);
      assert.ok(reader !== undefined);
      const target = new Uint8Array(1000);

      assert.equal(await reader.read(target, 699_500, never), 500);
      assert.deepEqual(Buffer.from(target.subarray(0, 500)), several.bytes.subarray(699_500));
      assert.equal(await reader.read(target, 700_000, never), 0);
    });

    it('serves a reader to its end although the blob is removed meanwhile', async () => {
      await using store = await openStore();
      await pushSample(store.uploads, several);
      await using reader = await store.blobs.open(several.digest);
      assert.ok(reader !== undefined);

      await store.blobs.remove(several.digest);
      const target = Buffer.alloc(1000);
      const count = await reader.read(target, 1000, never);

      assert.deepEqual(target.subarray(0, count), several.bytes.subarray(1000, 1000 + count));
      assert.equal(await store.blobs.open(several.digest), undefined);
      assert.equal(await store.blobs.stat(several.digest), undefined);
    });

    it('holds a removed blob again after it is pushed again', async () => {
      await using store = await openStore();
      await pushSample(store.uploads, several);
      await readBlob(store.blobs, several.digest);

      await store.blobs.remove(several.digest);
      await pushSample(store.uploads, several);

      assert.deepEqual(await readBlob(store.blobs, several.digest), several.bytes);
    });

    it('lists and counts what it holds', async () => {
      await using store = await openStore();
      const samples = [tiny, leaf, several, long];
      for (const sample of samples) await pushSample(store.uploads, sample);
      await store.blobs.remove(leaf.digest);

      const listed = new Map<string, number>();
      for await (const { digest, sizeBytes } of store.blobs.list()) listed.set(digest, sizeBytes);
      const usage = await store.blobs.usage();

      const kept = [tiny, several, long];
      assert.deepEqual(listed, new Map(kept.map(({ digest, bytes }) => [digest, bytes.byteLength])));
      assert.equal(usage.blobCount, 3);
      assert.equal(usage.blobBytes, 1 + 700_000 + 300_000);
      assert.ok(usage.freeBytes > 0);
    });

    it('does not hold the blob of zero bytes unless it was pushed', async () => {
      await using store = await openStore();

      assert.equal(await store.blobs.stat(EMPTY_DIGEST), undefined);
    });

    it('gives up a read whose signal is aborted', async () => {
      await using store = await openStore();
      await pushSample(store.uploads, tiny);
      await using reader = await store.blobs.open(tiny.digest);

      const reading = reader?.read(new Uint8Array(1), 0, AbortSignal.abort(new Error('gone')));

      await assert.rejects(Promise.resolve(reading), /gone/);
    });
  });
}
