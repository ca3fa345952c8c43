import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PartialBlob } from '../../../node/content/blob-store.ts';
import { EMPTY_DIGEST } from '../../../shared/oci/digest.ts';
import { pieceCount } from '../../../shared/pieces/piece-table.ts';
import { never, pushSample, readBlob, sampleOf, type OpenStoreUnderTest, type Sample } from './store-under-test.ts';

const samples = {
  'one small piece': sampleOf('one', 5000),
  'two pieces': sampleOf('two', 200_000),
  'many pieces': sampleOf('many', 3_000_000),
  'a sha512 digest': sampleOf('long', 900_000, 'sha512'),
};
const many = samples['many pieces'];

/** What every partial store does. */
export function partialStoreContract(name: string, openStore: OpenStoreUnderTest): void {
  describe(`${name} as a partial store`, () => {
    for (const [what, sample] of Object.entries(samples)) {
      for (const [order, pieces] of Object.entries(ordersOf(sample))) {
        it(`makes a blob of ${what}, written ${order}`, async () => {
          await using store = await openStore();
          await using partial = await store.partials.openPartial(sample.digest, sample.table);

          const outcomes = await Promise.all(pieces.map((pieceIndex) => writePiece(partial, sample, pieceIndex)));
          await partial.finish();

          assert.ok(outcomes.every((isRight) => isRight));
          assert.deepEqual(await readBlob(store.blobs, sample.digest), sample.bytes);
          assert.deepEqual(await store.blobs.table(sample.digest), sample.table);
        });
      }
    }

    it('makes the blob of zero bytes', async () => {
      await using store = await openStore();
      const empty = sampleOf('empty', 0);
      await using partial = await store.partials.openPartial(EMPTY_DIGEST, empty.table);

      await partial.finish();

      assert.deepEqual(await readBlob(store.blobs, EMPTY_DIGEST), Buffer.alloc(0));
    });

    it('refuses a wrong piece and takes the right one afterwards', async () => {
      await using store = await openStore();
      for (const sample of [samples['one small piece'], many]) {
        await using partial = await store.partials.openPartial(sample.digest, sample.table);
        const buffer = await partial.acquireBuffer(0, never);
        buffer.bytes.set(sample.bytes.subarray(0, buffer.bytes.byteLength));
        buffer.bytes[100] = (buffer.bytes[100] ?? 0) ^ 1;

        assert.equal(await partial.writePiece(buffer), false);
        assert.equal(partial.verified.count, 0);
        assert.equal(await writePiece(partial, sample, 0), true);
        assert.equal(partial.verified.has(0), true);
      }
    });

    it('takes a piece twice at once', async () => {
      await using store = await openStore();
      await using partial = await store.partials.openPartial(many.digest, many.table);
      const twice = ordersOf(many)['in order'].flatMap((pieceIndex) => [pieceIndex, pieceIndex]);

      const outcomes = await Promise.all(twice.map((pieceIndex) => writePiece(partial, many, pieceIndex)));
      await partial.finish();

      assert.ok(outcomes.every((isRight) => isRight));
    });

    it('reads a piece from the moment it was found right', async () => {
      await using store = await openStore();
      await using partial = await store.partials.openPartial(many.digest, many.table);
      const from = 3 * many.table.pieceBytes;
      const target = Buffer.alloc(many.table.pieceBytes);
      let reading: Promise<number> | undefined;

      await writePiece(partial, many, 2);
      await writePiece(partial, many, 3, () => {
        assert.ok(partial.verified.has(3));
        reading = partial.read(target, from);
      });

      assert.equal(await reading, target.byteLength);
      assert.deepEqual(target, many.bytes.subarray(from, from + target.byteLength));
    });

    it('says of a piece that came twice each time that it is right', async () => {
      await using store = await openStore();
      await using partial = await store.partials.openPartial(many.digest, many.table);
      let count = 0;

      for (const _time of [1, 2]) await writePiece(partial, many, 0, () => (count += 1));

      assert.equal(count, 2);
    });

    it('reads what is verified before the blob is whole', async () => {
      await using store = await openStore();
      await using partial = await store.partials.openPartial(many.digest, many.table);
      await writePiece(partial, many, 3);
      const from = 3 * many.table.pieceBytes;
      const target = Buffer.alloc(many.table.pieceBytes);

      const count = await partial.read(target, from);

      assert.deepEqual(target.subarray(0, count), many.bytes.subarray(from, from + count));
      assert.equal(await store.blobs.stat(many.digest), undefined);
    });

    it('has the pieces of before when it is opened again', async () => {
      await using store = await openStore();
      {
        await using first = await store.partials.openPartial(many.digest, many.table);
        for (const pieceIndex of [0, 1, 5]) await writePiece(first, many, pieceIndex);
      }

      await using second = await store.partials.openPartial(many.digest, many.table);

      assert.deepEqual(heldBy(second), [0, 1, 5]);
      for (const pieceIndex of ordersOf(many)['backwards']) await writePiece(second, many, pieceIndex);
      await second.finish();
      assert.deepEqual(await readBlob(store.blobs, many.digest), many.bytes);
    });

    it('starts afresh with another table', async () => {
      await using store = await openStore();
      {
        await using first = await store.partials.openPartial(many.digest, many.table);
        await writePiece(first, many, 0);
      }
      const other = sampleOf('other', many.bytes.byteLength);

      await using second = await store.partials.openPartial(many.digest, other.table);

      assert.equal(second.verified.count, 0);
    });

    it('starts afresh for a blob that is already whole, and leaves the blob alone', async () => {
      await using store = await openStore();
      await pushSample(store.uploads, many);
      await using partial = await store.partials.openPartial(many.digest, many.table);

      for (const pieceIndex of ordersOf(many)['in order']) await writePiece(partial, many, pieceIndex);
      await partial.finish();

      assert.equal((await store.blobs.usage()).blobCount, 1);
      assert.deepEqual(await readBlob(store.blobs, many.digest), many.bytes);
    });

    it('throws every piece away when they do not make up the blob', async () => {
      await using store = await openStore();
      for (const lying of [samples['one small piece'], many]) {
        const digest = sampleOf('wanted', 10).digest;
        {
          await using partial = await store.partials.openPartial(digest, lying.table);
          for (const pieceIndex of ordersOf(lying)['in order']) await writePiece(partial, lying, pieceIndex);

          await assert.rejects(partial.verifyWhole(), { code: 'digest_mismatch' });
          await assert.rejects(partial.finish(), { code: 'digest_mismatch' });
        }

        assert.equal(await store.blobs.stat(digest), undefined);
        await using again = await store.partials.openPartial(digest, lying.table);
        assert.equal(again.verified.count, 0);
      }
    });

    it('gives buffers as long as their pieces, and takes them back unused', async () => {
      await using store = await openStore();
      await using partial = await store.partials.openPartial(many.digest, many.table);
      const last = pieceCount(many.table) - 1;

      const buffer = await partial.acquireBuffer(last, never);
      buffer.release();
      buffer.release();

      assert.equal(buffer.bytes.byteLength, many.bytes.byteLength - last * many.table.pieceBytes);
      assert.equal(partial.verified.count, 0);
    });

    it('refuses a table that does not fit together', async () => {
      await using store = await openStore();
      const table = { ...many.table, sizeBytes: many.table.sizeBytes + many.table.pieceBytes };

      await assert.rejects(store.partials.openPartial(many.digest, table), { code: 'message_invalid' });
    });
  });
}

async function writePiece(
  partial: PartialBlob,
  sample: Sample,
  pieceIndex: number,
  onRight?: () => void,
): Promise<boolean> {
  const buffer = await partial.acquireBuffer(pieceIndex, never);
  const from = pieceIndex * sample.table.pieceBytes;
  buffer.bytes.set(sample.bytes.subarray(from, from + buffer.bytes.byteLength));
  return partial.writePiece(buffer, onRight);
}

function ordersOf(sample: Sample) {
  const pieces = Array.from({ length: pieceCount(sample.table) }, (_, index) => index);
  const mixed = pieces.toSorted((a, b) => ((a * 7919) % 31) - ((b * 7919) % 31));
  return { 'in order': pieces, backwards: pieces.toReversed(), 'in a mixed order': mixed };
}

function heldBy(partial: PartialBlob): number[] {
  return Array.from({ length: partial.verified.length }, (_, index) => index).filter((index) =>
    partial.verified.has(index),
  );
}
