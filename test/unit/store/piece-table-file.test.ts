import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodePieceTable, encodePieceTable } from '../../../node/store/piece-table-file.ts';
import { pieceBytesFor, pieceCount } from '../../../shared/pieces/piece-table.ts';

const tables = fc.nat(2 ** 32).map((sizeBytes) => {
  const pieceBytes = pieceBytesFor(sizeBytes);
  const hashes = new Uint8Array(32 * pieceCount({ sizeBytes, pieceBytes })).fill(sizeBytes % 251);
  return { sizeBytes, pieceBytes, hashes };
});

test('A table comes back from its file as it was', () => {
  fc.assert(
    fc.property(tables, (table) => assert.deepEqual(decodePieceTable(encodePieceTable(table)), table)),
    { numRuns: 50 },
  );
});

test('A file with one wrong byte or cut short is no table', () => {
  fc.assert(
    fc.property(tables, fc.nat(), fc.integer({ min: 1, max: 255 }), (table, at, difference) => {
      const bytes = encodePieceTable(table);
      const place = at % bytes.byteLength;
      assert.equal(decodePieceTable(bytes.subarray(0, place)), undefined);
      bytes[place] = (bytes[place] ?? 0) ^ difference;
      assert.equal(decodePieceTable(bytes), undefined);
    }),
    { numRuns: 50 },
  );
});

test('Any bytes are read without an exception', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => assert.equal(decodePieceTable(bytes), undefined)),
  );
});
