import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Body } from '../../../node/content/body.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { never } from '../../contract/store/store-under-test.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { openTestStore } from '../../support/test-store.ts';

const MIB = 1024 * 1024;

/** How a client sends: the sizes of its buffers in turn, and whether the length is said first. */
const sending = fc.record({
  sizeBytes: fc.integer({ min: 1, max: 3 * MIB }),
  chunks: fc.array(fc.integer({ min: 1, max: 512 * 1024 }), { minLength: 1, maxLength: 5 }),
  pauses: fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }),
  isLengthSaid: fc.boolean(),
});

test('Uploads that share one large buffer all end, each with its own bytes', async () => {
  await using folder = await openTemporaryFolder('shared-buffers');
  await using store = await openTestStore({ folder: folder.path, uploadBufferBytes: 4 * MIB });
  await fc.assert(
    fc.asyncProperty(fc.array(sending, { minLength: 2, maxLength: 6 }), async (sendings) => {
      const pushes = sendings.map(async ({ sizeBytes, chunks, pauses, isLengthSaid }, seed) => {
        const bytes = patternOf(sizeBytes, seed);
        const id = await store.uploads.create('a/b');
        const body = pacedBody(bytes, chunks, pauses);
        const chunk = { body, ...(isLengthSaid ? { lengthBytes: sizeBytes } : {}) };
        assert.equal(await store.uploads.append('a/b', id, chunk, never), sizeBytes);
        const adopted = await store.uploads.finish('a/b', id, digestOf(bytes), undefined, never);
        assert.equal(adopted.sizeBytes, sizeBytes);
      });
      await Promise.all(pushes);
    }),
    { numRuns: 8 },
  );
});

/** Gives copies of the bytes in buffers of these sizes, with turns of the event loop in between; a buffer is overwritten once it was taken. */
function pacedBody(bytes: Buffer, chunks: readonly number[], pauses: readonly boolean[]): Body {
  return {
    async pour(take) {
      for (let at = 0, count = 0; at < bytes.length; count += 1) {
        const lengthBytes = chunks[count % chunks.length] ?? 1;
        const chunk = Uint8Array.from(bytes.subarray(at, at + Math.max(lengthBytes, 8192)));
        await take(chunk);
        at += chunk.byteLength;
        chunk.fill(0);
        if (pauses[count % pauses.length] === true) await nextTurn();
      }
    },
  };
}

/** Bytes that tell where they belong: no two stretches of one upload, nor of two, are alike. */
function patternOf(sizeBytes: number, seed: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes + 4);
  for (let at = 0; at < sizeBytes; at += 4) bytes.writeUInt32LE((at + seed * 0x1000_0000) >>> 0, at);
  return bytes.subarray(0, sizeBytes);
}
