// Piece hashes that come one after the other, from somebody who may be wrong.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HASH_BYTES, LEAF_BYTES, PieceTableBuilder } from '../../../shared/pieces/piece-table.ts';
import { ProvisionalTable } from '../../../shared/pieces/provisional-table.ts';
import { createHash } from 'node:crypto';

/** A table of as many pieces of one leaf, and their hashes. */
function tableOf(pieces: number): { readonly table: ProvisionalTable; readonly hashes: Uint8Array } {
  const hashes = Uint8Array.from({ length: pieces * HASH_BYTES }, (_, at) => (at * 7 + (at >> 5)) & 0xff);
  return { table: new ProvisionalTable(pieces * LEAF_BYTES), hashes };
}

test('A provisional table knows what was added, however it was cut and repeated', () => {
  const parts = fc.array(fc.tuple(fc.nat(99), fc.nat(99)), { maxLength: 40 });
  fc.assert(
    fc.property(parts, (cuts) => {
      const { table, hashes } = tableOf(100);
      for (const [one, other] of cuts) {
        const [from, to] = [Math.min(one, other), Math.max(one, other)];
        const known = table.knownPieces;
        const added = table.add(from, hashes.subarray(from * HASH_BYTES, to * HASH_BYTES));
        assert.equal(added, from > known ? 'gap' : 'added');
        assert.equal(table.knownPieces, from > known ? known : Math.max(known, to));
      }
      assert.deepEqual(table.hashes(0, 1000), hashes.subarray(0, table.knownPieces * HASH_BYTES));
      assert.equal(table.knownBytes, table.knownPieces * LEAF_BYTES);
    }),
  );
});

test('A provisional table takes nothing that contradicts it, is too much, or is no whole hash', () => {
  const { table, hashes } = tableOf(4);
  table.add(0, hashes.subarray(0, 2 * HASH_BYTES));
  const other = hashes.slice(HASH_BYTES);
  other[0] = (other[0] ?? 0) ^ 1;

  assert.equal(table.add(1, other), 'contradicts');
  assert.equal(table.add(2, hashes), 'unfit');
  assert.equal(table.add(2, new Uint8Array(5)), 'unfit');
  assert.equal(table.knownPieces, 2);
  assert.deepEqual(table.agreement(0, hashes), { rightPieces: 2, isContradicted: false });
  assert.deepEqual(table.agreement(1, other), { rightPieces: 0, isContradicted: true });
});

test('A provisional table of a size that is only claimed takes no memory', () => {
  const table = new ProvisionalTable(8 * 1024 ** 4);

  assert.equal(table.hashBytes, 0);
  assert.equal(table.add(0, new Uint8Array(HASH_BYTES)), 'added');
  assert.ok(table.hashBytes <= 64 * HASH_BYTES);
});

test('The pieces of a blob that is not finished are those that it has in the end', () => {
  const sizes = fc.record({
    leaves: fc.integer({ min: 1, max: 4000 }),
    asked: fc.array(fc.nat(4000), { maxLength: 5 }),
  });
  fc.assert(
    fc.property(sizes, ({ leaves, asked }) => {
      const builder = new PieceTableBuilder();
      const finished = new PieceTableBuilder();
      const sizeBytes = leaves * LEAF_BYTES;
      const { pieceBytes } = new ProvisionalTable(sizeBytes);
      const early: Array<{ readonly firstPiece: number; readonly hashes: Uint8Array }> = [];
      for (let leaf = 0; leaf < leaves; leaf += 1) {
        const hash = createHash('sha256').update(String(leaf)).digest();
        builder.addLeaf(hash);
        finished.addLeaf(hash);
        if (!asked.includes(leaf)) continue;
        const firstPiece = Math.floor((leaf * LEAF_BYTES) / pieceBytes / 2);
        early.push({ firstPiece, hashes: builder.pieces({ pieceBytes, firstPiece }) });
        const whole = Math.floor(((leaf + 1) * LEAF_BYTES) / pieceBytes);
        assert.equal(early.at(-1)?.hashes.byteLength, Math.max(0, whole - firstPiece) * HASH_BYTES);
      }
      const { hashes } = finished.finish(sizeBytes);
      for (const each of early) {
        const from = each.firstPiece * HASH_BYTES;
        assert.deepEqual(each.hashes, hashes.subarray(from, from + each.hashes.byteLength));
      }
    }),
    { numRuns: 20 },
  );
});
