import assert from 'node:assert/strict';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { PartialBlob } from '../../../node/content/blob-store.ts';
import { encodePieceTable } from '../../../node/store/piece-table-file.ts';
import { Bitfield } from '../../../shared/pieces/bitfield.ts';
import { pieceCount } from '../../../shared/pieces/piece-table.ts';
import { never, readBlob, sampleOf } from '../../contract/store/store-under-test.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { openTestStore } from '../../support/test-store.ts';

const sample = sampleOf('half made', 3_000_000);
const table = encodePieceTable(sample.table);
const everyBit = bitsOfAll(pieceCount(sample.table));

// The files of a download are made at once, and none is flushed: a crash leaves any of them, whole or cut off.
const leftovers: Readonly<Record<string, Readonly<Record<string, Uint8Array>>>> = {
  'an empty folder': {},
  'an empty data file': { data: new Uint8Array() },
  'no table': { data: sample.bytes, have: everyBit },
  'a torn table': { table: table.subarray(0, 100), data: sample.bytes, have: everyBit },
  'a table and nothing else': { table },
  'a table and an empty data file': { table, data: new Uint8Array() },
  'a table and no data file, with all bits': { table, have: everyBit },
  'a table and an empty data file, with all bits': { table, data: new Uint8Array(), have: everyBit },
  'a table and a data file without bits': { table, data: sample.bytes, have: new Uint8Array() },
  'another table': {
    table: encodePieceTable(sampleOf('other', 3_000_000).table),
    data: sample.bytes,
    have: everyBit,
  },
};

for (const [what, files] of Object.entries(leftovers)) {
  test(`A download that a crash left with ${what} begins anew`, async () => {
    await using temporary = await openTemporaryFolder('half-made');
    await using store = await openTestStore({ folder: temporary.path });
    const folder = join(temporary.path, 'partial', sample.digest.replace(':', '-'));
    await mkdir(folder);
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);

    await using partial = await store.partials.openPartial(sample.digest, sample.table);
    assert.equal(partial.verified.count, 0);
    await writeAll(partial);
    await partial.finish();

    assert.deepEqual(await readBlob(store.blobs, sample.digest), sample.bytes);
  });
}

test('A download whose data file was cut off keeps what is left of it, and no more', async () => {
  await using temporary = await openTemporaryFolder('half-made');
  await using store = await openTestStore({ folder: temporary.path });
  const folder = join(temporary.path, 'partial', sample.digest.replace(':', '-'));
  await mkdir(folder);
  for (const [name, bytes] of [
    ['table', table],
    ['data', sample.bytes],
    ['have', everyBit],
  ] as const)
    await writeFile(join(folder, name), bytes);
  await truncate(join(folder, 'data'), 2 * sample.table.pieceBytes + 5);

  await using partial = await store.partials.openPartial(sample.digest, sample.table);

  assert.equal(partial.verified.count, 2);
});

function bitsOfAll(count: number): Uint8Array {
  const bits = new Bitfield(count);
  for (let piece = 0; piece < count; piece += 1) bits.add(piece);
  return bits.toBytes();
}

async function writeAll(partial: PartialBlob): Promise<void> {
  for (let piece = 0; piece < partial.verified.length; piece += 1) {
    const buffer = await partial.acquireBuffer(piece, never);
    const from = piece * sample.table.pieceBytes;
    buffer.bytes.set(sample.bytes.subarray(from, from + buffer.bytes.byteLength));
    assert.equal(await partial.writePiece(buffer), true);
  }
}
