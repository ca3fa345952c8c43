import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf, EMPTY_DIGEST } from '../../../shared/oci/digest.ts';
import { chunkedBody } from '../../../node/content/body.ts';
import type { UploadStore } from '../../../node/content/blob-store.ts';
import { bodyOf, chunkOf, never, readBlob, sampleOf, type OpenStoreUnderTest } from './store-under-test.ts';

const small = sampleOf('small', 3067);
const large = sampleOf('large', 2_500_000);

/** What every upload store does. */
export function uploadStoreContract(name: string, openStore: OpenStoreUnderTest): void {
  describe(`${name} as an upload store`, () => {
    for (const [what, sample] of Object.entries({ small, large })) {
      it(`adopts a ${what} blob that is pushed in one chunk`, async () => {
        await using store = await openStore();
        const id = await store.uploads.create('a/b');

        const adopted = await store.uploads.finish('a/b', id, sample.digest, chunkOf(sample.bytes), never);

        assert.deepEqual(adopted, { digest: sample.digest, sizeBytes: sample.bytes.byteLength, table: sample.table });
        assert.deepEqual(await readBlob(store.blobs, sample.digest), sample.bytes);
      });
    }

    it('adopts the blob of zero bytes', async () => {
      await using store = await openStore();
      const id = await store.uploads.create('a/b');

      await store.uploads.append('a/b', id, chunkOf(new Uint8Array(0)), never);
      const adopted = await store.uploads.finish('a/b', id, EMPTY_DIGEST, undefined, never);

      assert.equal(adopted.sizeBytes, 0);
      assert.deepEqual(await readBlob(store.blobs, EMPTY_DIGEST), Buffer.alloc(0));
    });

    it('keeps who began a session', async () => {
      await using store = await openStore();

      const ofAlice = await store.uploads.create('a/b', { owner: 'alice' });
      const ofNobody = await store.uploads.create('a/b');

      assert.equal(await store.uploads.owner('a/b', ofAlice), 'alice');
      assert.equal(await store.uploads.owner('a/b', ofNobody), undefined);
      await assert.rejects(store.uploads.owner('a/c', ofAlice), { code: 'upload_unknown' });
    });

    it('gathers chunks and tells the offset after each (U-40, U-41)', async () => {
      await using store = await openStore();
      const id = await store.uploads.create('a/b');

      for (let at = 0; at < large.bytes.byteLength; at += 300_000) {
        const bytes = large.bytes.subarray(at, at + 300_000);
        const chunk = { firstByte: at, lengthBytes: bytes.byteLength, body: bodyOf(bytes) };
        assert.equal(await store.uploads.append('a/b', id, chunk, never), at + bytes.byteLength);
        assert.equal(await store.uploads.offset('a/b', id), at + bytes.byteLength);
      }
      const adopted = await store.uploads.finish('a/b', id, large.digest, undefined, never);

      assert.deepEqual(adopted.table, large.table);
    });

    it('refuses a chunk out of order and stays as it was (U-42, U-52)', async () => {
      await using store = await openStore();
      const id = await startedUpload(store.uploads, small.bytes.subarray(0, 1024));
      const early = { firstByte: 2048, body: bodyOf(small.bytes.subarray(2048)) };
      const again = { firstByte: 0, body: bodyOf(small.bytes.subarray(0, 1024)) };

      for (const chunk of [early, again]) {
        const refusal = { code: 'upload_out_of_order', detail: { offset: 1024 } };
        await assert.rejects(store.uploads.append('a/b', id, chunk, never), refusal);
        await assert.rejects(store.uploads.finish('a/b', id, small.digest, chunk, never), refusal);
      }
      const rest = { firstByte: 1024, body: bodyOf(small.bytes.subarray(1024)) };
      await store.uploads.finish('a/b', id, small.digest, rest, never);

      assert.deepEqual(await readBlob(store.blobs, small.digest), small.bytes);
    });

    for (const [what, lengthBytes] of Object.entries({ fewer: 600_001, more: 599_999 })) {
      it(`goes back to the offset before when ${what} bytes were announced than came (U-45)`, async () => {
        await using store = await openStore();
        const id = await startedUpload(store.uploads, large.bytes.subarray(0, 500_000));

        const chunk = { lengthBytes, body: bodyOf(large.bytes.subarray(0, 600_000)) };
        await assert.rejects(store.uploads.append('a/b', id, chunk, never), { code: 'size_mismatch' });
        assert.equal(await store.uploads.offset('a/b', id), 500_000);
        const adopted = await store.uploads.finish(
          'a/b',
          id,
          large.digest,
          chunkOf(large.bytes.subarray(500_000)),
          never,
        );

        assert.deepEqual(adopted.table, large.table);
      });
    }

    it('keeps the bytes that came before a body broke, and finishes later (U-10, U-56)', async () => {
      await using store = await openStore();
      const id = await store.uploads.create('a/b');
      const breaksWith = new Error('connection reset');

      const broken = {
        lengthBytes: large.bytes.byteLength,
        body: bodyOf(large.bytes.subarray(0, 777_777), { breaksWith }),
      };
      await assert.rejects(store.uploads.finish('a/b', id, large.digest, broken, never), breaksWith);
      const offset = await store.uploads.offset('a/b', id);
      await store.uploads.finish('a/b', id, large.digest, chunkOf(large.bytes.subarray(offset)), never);

      assert.equal(offset, 777_777);
      assert.deepEqual(await readBlob(store.blobs, large.digest), large.bytes);
    });

    it('stops waiting for a silent body when the signal is aborted, and keeps the bytes', async () => {
      await using store = await openStore();
      const id = await store.uploads.create('a/b');
      const gone = new AbortController();
      const silent = async function* (): AsyncGenerator<Uint8Array> {
        yield small.bytes.subarray(0, 1000);
        setImmediate(() => gone.abort(new Error('client gone')));
        await new Promise(() => undefined);
      };

      await assert.rejects(
        store.uploads.append('a/b', id, { body: chunkedBody(silent()) }, gone.signal),
        /client gone/,
      );

      assert.equal(await store.uploads.offset('a/b', id), 1000);
    });

    it('ends a session whose content has another digest, with nothing stored (U-54)', async () => {
      await using store = await openStore();
      const id = await startedUpload(store.uploads, large.bytes);

      await assert.rejects(store.uploads.finish('a/b', id, small.digest, undefined, never), {
        code: 'digest_mismatch',
      });

      await assert.rejects(store.uploads.offset('a/b', id), { code: 'upload_unknown' });
      assert.equal(await store.blobs.stat(small.digest), undefined);
      assert.equal(await store.blobs.stat(large.digest), undefined);
    });

    it('knows a session in its own repository only, and not after its end (U-7)', async () => {
      await using store = await openStore();
      const cancelled = await startedUpload(store.uploads, small.bytes);
      const finished = await startedUpload(store.uploads, small.bytes);
      const unknown = { code: 'upload_unknown' };

      await assert.rejects(store.uploads.offset('a/c', finished), unknown);
      await assert.rejects(store.uploads.append('a/c', finished, chunkOf(small.bytes), never), unknown);
      await assert.rejects(store.uploads.finish('a/c', finished, small.digest, undefined, never), unknown);
      await assert.rejects(store.uploads.cancel('a/c', finished), unknown);
      await store.uploads.cancel('a/b', cancelled);
      await store.uploads.finish('a/b', finished, small.digest, undefined, never);

      for (const id of [cancelled, finished, 'nothing', '../../etc', '']) {
        await assert.rejects(store.uploads.offset('a/b', id), unknown);
        await assert.rejects(store.uploads.append('a/b', id, chunkOf(small.bytes), never), unknown);
        await assert.rejects(store.uploads.cancel('a/b', id), unknown);
      }
    });

    it('lets a second writer wait and judges it by the new offset (U-11)', async () => {
      await using store = await openStore();
      const id = await store.uploads.create('a/b');
      const gate = withResolvers();
      const slow = async function* (): AsyncGenerator<Uint8Array> {
        yield small.bytes.subarray(0, 1000);
        await gate.promise;
        yield small.bytes.subarray(1000, 2000);
      };

      const first = store.uploads.append('a/b', id, { firstByte: 0, body: chunkedBody(slow()) }, never);
      const same = store.uploads.append('a/b', id, { firstByte: 0, body: bodyOf(small.bytes) }, never);
      const next = store.uploads.append(
        'a/b',
        id,
        { firstByte: 2000, body: bodyOf(small.bytes.subarray(2000)) },
        never,
      );
      gate.resolve();

      assert.equal(await first, 2000);
      await assert.rejects(same, { code: 'upload_out_of_order', detail: { offset: 2000 } });
      assert.equal(await next, small.bytes.byteLength);
    });

    it('lets two sessions finish with one digest, at once or one after the other (U-12)', async () => {
      await using store = await openStore();
      const ids = await Promise.all([1, 2].map(() => startedUpload(store.uploads, large.bytes)));

      const both = await Promise.all(ids.map((id) => store.uploads.finish('a/b', id, large.digest, undefined, never)));
      const id = await store.uploads.create('other');
      both.push(await store.uploads.finish('other', id, large.digest, chunkOf(large.bytes), never));

      for (const adopted of both) assert.deepEqual(adopted.table, large.table);
      assert.deepEqual(await readBlob(store.blobs, large.digest), large.bytes);
      const usage = await store.blobs.usage();
      assert.deepEqual([usage.blobCount, usage.blobBytes], [1, large.bytes.byteLength]);
    });

    for (const [said, used] of [
      [undefined, 'sha512'],
      ['sha512', 'sha512'],
      ['sha512', 'sha256'],
    ] as const) {
      it(`finishes under ${used} when it was told ${said ?? 'nothing'} (U-14, U-22)`, async () => {
        await using store = await openStore();
        for (const { bytes, table } of [small, large]) {
          const id = await store.uploads.create('a/b', said === undefined ? {} : { algorithm: said });
          const digest = digestOf(bytes, used);

          const adopted = await store.uploads.finish('a/b', id, digest, chunkOf(bytes), never);

          assert.deepEqual(adopted, { digest, sizeBytes: bytes.byteLength, table });
          assert.deepEqual(await readBlob(store.blobs, digest), bytes);
          assert.deepEqual(await store.blobs.table(digest), table);
        }
      });
    }

    it('ends a writer at its next bytes when its session is cancelled', async () => {
      await using store = await openStore();
      const id = await store.uploads.create('a/b');
      const begun = withResolvers();
      const endless = async function* (): AsyncGenerator<Uint8Array> {
        yield small.bytes;
        begun.resolve();
        await new Promise(() => undefined);
      };

      const writing = store.uploads.append('a/b', id, { body: chunkedBody(endless()) }, never);
      const outcome = assert.rejects(writing, { code: 'upload_unknown' });
      await begun.promise;
      await store.uploads.cancel('a/b', id);

      await outcome;
    });
  });
}

async function startedUpload(uploads: UploadStore, bytes: Uint8Array): Promise<string> {
  const id = await uploads.create('a/b');
  await uploads.append('a/b', id, chunkOf(bytes), never);
  return id;
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
