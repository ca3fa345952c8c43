import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlobReader } from '../../../node/content/blob-reader.ts';
import { eventually } from '../../support/eventually.ts';
import { publish, readAll, type TestBlob } from '../../support/pull-blob.ts';
import { SwarmFleet, type SwarmNode, type SwarmNodeOptions } from '../../support/swarm-fleet.ts';

const MIB = 1024 * 1024;
const { signal } = new AbortController();

/** A range of a blob, both ends included. */
interface Range {
  readonly first: number;
  readonly last: number;
}

test('A range of a blob that is not here fetches its pieces and no others, the last of the blob too', async () => {
  await using pair = await startPair({ sizeBytes: 20 * MIB + 7, backgroundFill: false });
  const { puller, blob } = pair;
  const { pieceBytes } = blob.table;

  const middle = await readRange(puller, blob, { first: 5 * MIB + 10, last: 6 * MIB + 9 });
  const suffix = await readRange(puller, blob, { first: blob.sizeBytes - 100, last: blob.sizeBytes - 1 });

  assert.ok(middle.equals(blob.bytes.subarray(5 * MIB + 10, 6 * MIB + 10)));
  assert.ok(suffix.equals(blob.bytes.subarray(-100)));
  const fetched = puller.store.written.map(({ pieceIndex }) => pieceIndex).toSorted((left, right) => left - right);
  const wanted = piecesBetween(5 * MIB + 10, 6 * MIB + 9, pieceBytes);
  assert.deepEqual(fetched, [...wanted, ...piecesBetween(blob.sizeBytes - 100, blob.sizeBytes - 1, pieceBytes)]);
  assert.equal(puller.swarm.downloads().length, 0, 'a download with nothing to fetch is none that runs');
});

test('Ranges read at once share one download, in which no piece comes twice', async () => {
  await using pair = await startPair({ sizeBytes: 16 * MIB, backgroundFill: false });
  const { puller, blob } = pair;
  const ranges = Array.from({ length: 16 }, (_, at) => ({ first: at * 700_000, last: at * 700_000 + 900_000 }));

  const got = await Promise.all(ranges.map((range) => readRange(puller, blob, range)));

  got.forEach((bytes, at) => {
    const range = ranges[at] ?? { first: 0, last: 0 };
    assert.ok(bytes.equals(blob.bytes.subarray(range.first, range.last + 1)));
  });
  assert.equal(puller.store.written.length, piecesBetween(0, 15 * 700_000 + 900_000, blob.table.pieceBytes).length);
});

test('A client of the whole joins the download that a range began, and makes it whole', async () => {
  await using pair = await startPair({ sizeBytes: 10 * MIB, backgroundFill: false });
  const { puller, blob } = pair;
  const ranged = await puller.swarm.open({ ...blob, ranges: [{ first: 5 * MIB, last: 6 * MIB }] }, signal);
  await readSome(ranged, { first: 5 * MIB, last: 6 * MIB });

  const whole = await readAll(await puller.swarm.open(blob, signal), signal);
  await ranged[Symbol.asyncDispose]();

  assert.ok(whole.equals(blob.bytes));
  assert.equal(puller.store.written.length, Math.ceil(blob.sizeBytes / blob.table.pieceBytes));
  assert.ok(puller.store.bytesOf(blob.digest) !== undefined);
});

test('With background fill the pieces of a range come first, and the blob is whole soon after its client left', async () => {
  await using pair = await startPair({ sizeBytes: 64 * MIB, backgroundFill: true, lingerMs: 1 });
  const { puller, blob } = pair;
  const lastPiece = blob.sizeBytes / blob.table.pieceBytes - 1;

  const suffix = await readRange(puller, blob, { first: blob.sizeBytes - 10, last: blob.sizeBytes - 1 });
  const writtenBefore = puller.store.written.findIndex(({ pieceIndex }) => pieceIndex === lastPiece);
  await eventually({ what: 'the whole blob' }, () => puller.store.bytesOf(blob.digest) !== undefined);

  assert.ok(suffix.equals(blob.bytes.subarray(-10)));
  assert.ok(writtenBefore < lastPiece / 2, `${writtenBefore} of ${lastPiece} pieces came before`);
  assert.equal(puller.store.written.length, lastPiece + 1);
});

test('Without background fill a download that nobody reads any more stops, and its pieces are not fetched again', async () => {
  await using pair = await startPair({ sizeBytes: 10 * MIB, backgroundFill: false, lingerMs: 1 });
  const { puller, blob } = pair;
  await readRange(puller, blob, { first: 0, last: MIB - 1 });
  await eventually({ what: 'the end of the download' }, async () =>
    (await puller.metrics.text()).body.includes('ended_downloads_total{result="left"} 1'),
  );

  const again = await readRange(puller, blob, { first: MIB / 2, last: 2 * MIB - 1 });

  assert.ok(again.equals(blob.bytes.subarray(MIB / 2, 2 * MIB)));
  assert.equal(puller.store.written.length, piecesBetween(0, 2 * MIB - 1, blob.table.pieceBytes).length);
});

test('Pieces that were read of a blob are given to others, without anybody who has it whole', async () => {
  await using pair = await startPair({ sizeBytes: 10 * MIB, backgroundFill: false });
  const { fleet, holder, puller, blob } = pair;
  await readRange(puller, blob, { first: 3 * MIB, last: 4 * MIB });
  fleet.forget(blob.digest, holder.nodeId);

  const other = await fleet.start('other', { backgroundFill: false });
  const got = await readRange(other, blob, { first: 3 * MIB, last: 4 * MIB });

  assert.ok(got.equals(blob.bytes.subarray(3 * MIB, 4 * MIB + 1)));
});

test('No ranges of a blob make up a complete wrong one, however they are read', async () => {
  for (const backgroundFill of [false, true]) {
    await using fleet = await SwarmFleet.open();
    const liar = await fleet.start('liar');
    const puller = await fleet.start('puller', { backgroundFill, lingerMs: 1 });
    const blob = publish(fleet, liar, { seed: 'right', sizeBytes: 4 * MIB });
    const wrong = publish(fleet, liar, { seed: 'wrong', sizeBytes: 4 * MIB });
    liar.store.corrupt(blob.digest, wrong.bytes, wrong.table);
    fleet.know(blob.digest, wrong.table);
    const { pieceBytes, sizeBytes } = blob.table;
    const ranges = Array.from({ length: sizeBytes / pieceBytes }, (_, at) => rangeOfPiece(at, pieceBytes));

    const outcomes = await Promise.allSettled(ranges.map((range) => readRange(puller, blob, range)));

    assert.ok(outcomes.some(({ status }) => status === 'rejected'));
    assert.equal(puller.store.bytesOf(blob.digest), undefined);
  }
});

test('While only peers gave the piece table no part is given before the digest of the whole was checked', async () => {
  await using fleet = await SwarmFleet.open();
  const holder = await fleet.start('holder');
  const blob = publish(fleet, holder, { seed: 'away', sizeBytes: 4 * MIB });
  await fleet.introduce('puller', [fleet.peerOf(holder)]);
  const puller = await fleet.start('puller', { isAway: true, backgroundFill: false });
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  puller.store.beforeWrite = (piece) => (piece === 3 ? held : undefined);
  let isRead = false;

  const reading = readRange(puller, blob, { first: 0, last: 1000 }).then((bytes) => {
    isRead = true;
    return bytes;
  });
  await eventually({ what: 'the other pieces' }, () => puller.store.written.length >= 31);
  const wasRead = isRead;
  release();

  assert.equal(wasRead, false);
  assert.ok((await reading).equals(blob.bytes.subarray(0, 1001)));
});

test('A blob of which all that is read is here takes no place from others', async () => {
  await using pair = await startPair({ sizeBytes: 10 * MIB, backgroundFill: false, maxRunning: 1 });
  const { fleet, holder, puller, blob } = pair;
  const idle = await puller.swarm.open({ ...blob, ranges: [{ first: 0, last: 4 * MIB }] }, signal);
  await readSome(idle, { first: 0, last: 4 * MIB });
  const other = publish(fleet, holder, { seed: 'other', sizeBytes: 2 * MIB });

  const got = await readAll(await puller.swarm.open(other, signal), signal);
  const more = await readRange(puller, blob, { first: 8 * MIB, last: 9 * MIB });

  assert.ok(got.equals(other.bytes));
  assert.ok(more.equals(blob.bytes.subarray(8 * MIB, 9 * MIB + 1)));
  await idle[Symbol.asyncDispose]();
});

/** A holder of one blob and a node without it. */
async function startPair(options: { readonly sizeBytes: number } & SwarmNodeOptions) {
  const { sizeBytes, ...rest } = options;
  const fleet = await SwarmFleet.open();
  const holder = await fleet.start('holder');
  const puller = await fleet.start('puller', rest);
  const blob = publish(fleet, holder, { seed: 'lazy', sizeBytes });
  return { fleet, holder, puller, blob, [Symbol.asyncDispose]: () => fleet[Symbol.asyncDispose]() };
}

async function readRange(node: SwarmNode, blob: TestBlob, range: Range): Promise<Buffer> {
  await using reader = await node.swarm.open({ ...blob, ranges: [range] }, signal);
  return await readSome(reader, range); // open until it is read
}

async function readSome(reader: BlobReader, range: Range): Promise<Buffer> {
  const bytes = Buffer.alloc(range.last - range.first + 1);
  for (let at = 0; at < bytes.byteLength;) at += await reader.read(bytes.subarray(at), range.first + at, signal);
  return bytes;
}

function piecesBetween(first: number, last: number, pieceBytes: number): number[] {
  const pieces: number[] = [];
  for (let piece = Math.floor(first / pieceBytes); piece * pieceBytes <= last; piece += 1) pieces.push(piece);
  return pieces;
}

function rangeOfPiece(piece: number, pieceBytes: number): Range {
  return { first: piece * pieceBytes, last: (piece + 1) * pieceBytes - 1 };
}
