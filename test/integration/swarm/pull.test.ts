import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../../../shared/runtime/errors.ts';
import { publish, readAll } from '../../support/pull-blob.ts';
import { SwarmFleet } from '../../support/swarm-fleet.ts';

const MIB = 1024 * 1024;
const { signal } = new AbortController();

for (const sizeBytes of [0, 1, 100_000, 128 * 1024, 128 * 1024 + 1, 20 * MIB + 7]) {
  test(`A blob of ${sizeBytes} bytes comes from another node as it is there`, async () => {
    await using fleet = await SwarmFleet.open();
    const holder = await fleet.start('holder');
    const puller = await fleet.start('puller');
    const blob = publish(fleet, holder, { seed: 'one', sizeBytes });

    const got = await readAll(await puller.swarm.open(blob, signal), signal);

    assert.ok(got.equals(blob.bytes));
  });
}

test('Four nodes pull at once from the only node that has a blob, which sends little more than one copy', async () => {
  await using fleet = await SwarmFleet.open();
  const holder = await fleet.start('holder');
  const pullers = await Promise.all(['a', 'b', 'c', 'd'].map((nodeId) => fleet.start(nodeId)));
  const blob = publish(fleet, holder, { seed: 'four', sizeBytes: 40 * MIB });

  const got = await Promise.all(pullers.map(async ({ swarm }) => readAll(await swarm.open(blob, signal), signal)));

  for (const bytes of got) assert.ok(bytes.equals(blob.bytes));
  const copies = sentBytes(await holder.metrics.text()) / blob.sizeBytes;
  assert.ok(copies <= 1.3, `the holder sent ${copies} copies`);
});

test('Several holders share the work for a lone node, which gets hardly anything twice', async () => {
  await using fleet = await SwarmFleet.open();
  const holders = await Promise.all(['a', 'b', 'c'].map((nodeId) => fleet.start(nodeId)));
  const puller = await fleet.start('puller');
  const [blob] = holders.map((holder) => publish(fleet, holder, { seed: 'share', sizeBytes: 80 * MIB }));
  assert.ok(blob !== undefined);

  const got = await readAll(await puller.swarm.open(blob, signal), signal);

  assert.ok(got.equals(blob.bytes));
  const sent = await Promise.all(holders.map(async ({ metrics }) => sentBytes(await metrics.text()) / blob.sizeBytes));
  const text = sent.map((copies) => copies.toFixed(2)).join(', ');
  for (const copies of sent) assert.ok(copies > 0.1, text);
  assert.ok(sent.reduce((sum, copies) => sum + copies, 0) <= 1.3, text);
});

test('Ten clients of one blob share one download', async () => {
  await using fleet = await SwarmFleet.open();
  const holder = await fleet.start('holder');
  const puller = await fleet.start('puller');
  const blob = publish(fleet, holder, { seed: 'ten', sizeBytes: 10 * MIB });

  const readers = await Promise.all(Array.from({ length: 10 }, () => puller.swarm.open(blob, signal)));
  const got = await Promise.all(readers.map((reader) => readAll(reader, signal)));

  for (const bytes of got) assert.ok(bytes.equals(blob.bytes));
  assert.equal(puller.store.written.length, Math.ceil(blob.sizeBytes / blob.table.pieceBytes));
});

test('A client that leaves does not stop the download for another', async () => {
  await using fleet = await SwarmFleet.open();
  const holder = await fleet.start('holder');
  const puller = await fleet.start('puller', { lingerMs: 1 });
  const blob = publish(fleet, holder, { seed: 'leave', sizeBytes: 10 * MIB });
  const leaving = await puller.swarm.open(blob, signal);
  const staying = await puller.swarm.open(blob, signal);
  await leaving.read(Buffer.alloc(1000), 0, signal);

  await leaving[Symbol.asyncDispose]();

  assert.ok((await readAll(staying, signal)).equals(blob.bytes));
});

test('A client reads the first bytes while the last piece is not there, and the last only after the whole was checked', async () => {
  await using fleet = await SwarmFleet.open();
  const holder = await fleet.start('holder');
  const puller = await fleet.start('puller');
  const blob = publish(fleet, holder, { seed: 'stream', sizeBytes: 4 * MIB });
  const lastPiece = blob.sizeBytes / blob.table.pieceBytes - 1;
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  puller.store.beforeWrite = (piece) => (piece === lastPiece ? held : undefined);
  const reader = await puller.swarm.open(blob, signal);

  const first = Buffer.alloc(1000);
  assert.equal(await reader.read(first, 0, signal), 1000);
  assert.ok(first.equals(blob.bytes.subarray(0, 1000)));
  release();

  assert.ok((await readAll(reader, signal)).equals(blob.bytes));
});

test('A node that is still downloading already gives what it verified to others', async () => {
  await using fleet = await SwarmFleet.open();
  const holder = await fleet.start('holder');
  const middle = await fleet.start('middle', { lingerMs: 60_000 });
  const blob = publish(fleet, holder, { seed: 'middle', sizeBytes: 4 * MIB });
  const lastPiece = blob.sizeBytes / blob.table.pieceBytes - 1;
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  middle.store.beforeWrite = (piece) => (piece === lastPiece ? held : undefined);
  const replicated = middle.swarm.replicate(blob, signal);
  const reader = await middle.swarm.open(blob, signal);
  for (let position = 0; position < lastPiece * blob.table.pieceBytes;) {
    position += await reader.read(Buffer.alloc(MIB), position, signal);
  }
  fleet.forget(blob.digest, 'holder');

  const late = await fleet.start('late');
  const lateReader = await late.swarm.open(blob, signal);
  const part = Buffer.alloc(1000);
  assert.equal(await lateReader.read(part, 2 * MIB, signal), 1000);
  assert.ok(part.equals(blob.bytes.subarray(2 * MIB, 2 * MIB + 1000)));

  release();
  await replicated;
  await reader[Symbol.asyncDispose]();
  assert.ok((await readAll(lateReader, signal)).equals(blob.bytes));
});

test('Clients and peers get pieces while the disk hangs over them', async () => {
  await using fleet = await SwarmFleet.open();
  const holder = await fleet.start('holder');
  const middle = await fleet.start('middle', { lingerMs: 60_000 });
  const blob = publish(fleet, holder, { seed: 'hanging disk', sizeBytes: 4 * MIB });
  const allButLast = blob.sizeBytes - blob.table.pieceBytes;
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  middle.store.whileWriting = () => held;
  const reader = await middle.swarm.open(blob, signal);
  for (let position = 0; position < allButLast;) {
    position += await reader.read(Buffer.alloc(MIB), position, signal);
  }
  fleet.forget(blob.digest, 'holder');

  const late = await fleet.start('late');
  const lateReader = await late.swarm.open(blob, signal);
  assert.equal(await lateReader.read(Buffer.alloc(1000), 2 * MIB, signal), 1000);

  release();
  assert.ok((await readAll(reader, signal)).equals(blob.bytes));
  assert.ok((await readAll(lateReader, signal)).equals(blob.bytes));
});

test('A disk that refuses a piece after it was found right ends the download', async () => {
  await using fleet = await SwarmFleet.open();
  const holder = await fleet.start('holder');
  const puller = await fleet.start('puller');
  const blob = publish(fleet, holder, { seed: 'refusing disk', sizeBytes: 4 * MIB });
  puller.store.whileWriting = (piece) => {
    if (piece === 5) throw new AppError('not_enough_space', 'the disk is full');
  };
  const reader = await puller.swarm.open(blob, signal);

  await assert.rejects(readAll(reader, signal), { code: 'not_enough_space' });
  await reader[Symbol.asyncDispose]();
});

test('Many small blobs come at once, in one request each', async () => {
  await using fleet = await SwarmFleet.open();
  const holder = await fleet.start('holder');
  const puller = await fleet.start('puller');
  const blobs = Array.from({ length: 60 }, (_, at) =>
    publish(fleet, holder, { seed: `small-${at}`, sizeBytes: 1000 + at }),
  );

  const got = await Promise.all(blobs.map(async (blob) => readAll(await puller.swarm.open(blob, signal), signal)));

  got.forEach((bytes, at) => assert.ok(bytes.equals(blobs[at]?.bytes ?? Buffer.alloc(0))));
});

function sentBytes(page: { readonly body: string }): number {
  return Number(/shoal_swarm_sent_bytes_total\{[^}]*\} (\d+)/.exec(page.body)?.[1] ?? 0);
}
