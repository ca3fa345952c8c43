import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Offences } from '../../../node/swarm/offences.ts';
import { TableDoubts } from '../../../node/swarm/table-doubts.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { HASH_BYTES, pieceBytesFor, type PieceTable } from '../../../shared/pieces/piece-table.ts';

const [first, second, third] = ['1', '2', '3'].map((text) => digestOf(Buffer.from(text)));
const MINUTE_MS = 60_000;

test('Wrong pieces of one blob cost a node that blob for a while, of two blobs everything, and both end', () => {
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  const offences = new Offences();

  assert.equal(offences.note('node', first, 0), true);
  assert.equal(offences.note('node', first, 1), false);
  assert.deepEqual([offences.isOffender('node', first, 2), offences.isOffender('node', second, 2)], [true, false]);
  assert.equal(offences.isBanned('node', 2), false);

  assert.equal(offences.note('node', second, MINUTE_MS), true);
  assert.equal(offences.isBanned('node', MINUTE_MS), true);
  assert.equal(offences.isOffender('node', third, MINUTE_MS), true);
  assert.equal(offences.note('node', third, MINUTE_MS), false);

  assert.equal(offences.isBanned('node', 10.5 * MINUTE_MS), false);
  assert.equal(offences.isOffender('node', second, 10.5 * MINUTE_MS), true);
  assert.equal(offences.isOffender('node', second, 12 * MINUTE_MS), false);
});

test('What was the fault of a piece table is forgiven', () => {
  assert.ok(first !== undefined && second !== undefined);
  const offences = new Offences();
  offences.note('node', first, 0);
  offences.note('node', second, 0);

  offences.forgive(first);

  assert.deepEqual([offences.isBanned('node', 1), offences.isOffender('node', second, 1)], [false, true]);
});

test('A table is outvoted by an origin, or by more holders than agree with it, and never after it was all there is', () => {
  const doubts = new TableDoubts();
  const [table, other] = [tableOf(1), tableOf(2)];
  const says = (said: PieceTable, isOrigin = false) => ({ peer: { isOrigin }, table: said });

  assert.equal(doubts.isOutvoted(table, []), false);
  assert.equal(doubts.isOutvoted(table, [says(other), says(table)]), false);
  assert.equal(doubts.isOutvoted(table, [says(other), says(other), says(table)]), true);
  assert.equal(doubts.isOutvoted(table, [says(other), says(other), says(table, true)]), false);
  assert.equal(doubts.isOutvoted(table, [says(other, true), says(table), says(table)]), true);
  doubts.disprove(other);
  assert.equal(doubts.isOutvoted(table, [says(other), says(other)]), false);

  doubts.suspect(table);
  assert.deepEqual([doubts.has(table), doubts.isDisproved(table)], [true, false]);
  doubts.accept(table);
  assert.deepEqual([doubts.has(table), doubts.isOutvoted(table, [says(tableOf(3), true)])], [false, false]);
  doubts.disprove(table);
  assert.deepEqual([doubts.has(table), doubts.isDisproved(table)], [true, true]);
});

function tableOf(fill: number): PieceTable {
  const sizeBytes = 1_000_000;
  const pieceBytes = pieceBytesFor(sizeBytes);
  const hashes = new Uint8Array(Math.ceil(sizeBytes / pieceBytes) * HASH_BYTES).fill(fill);
  return { sizeBytes, pieceBytes, hashes };
}
