import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PieceTable } from '../../../shared/pieces/piece-table.ts';
import { eventually } from '../../support/eventually.ts';
import { MemoryBlobStore } from '../../support/memory-blob-store.ts';
import { publish, readAll } from '../../support/pull-blob.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';
import { SwarmFleet, type SwarmNode } from '../../support/swarm-fleet.ts';

const MIB = 1024 * 1024;
const { signal } = new AbortController();

for (const sizeBytes of [0, 1000, 128 * 1024 + 1, 20 * MIB + 7]) {
  test(`A blob of ${sizeBytes} bytes comes from a known peer while the coordinator is away`, async () => {
    await using fleet = await SwarmFleet.open();
    const { holder, puller } = await acquainted(fleet);
    const blob = publish(fleet, holder, { seed: 'away', sizeBytes });
    puller.link.disconnect();

    const got = await readAll(await puller.swarm.open(blob, signal), signal);

    assert.ok(got.equals(blob.bytes));
  });
}

test('A node that restarts while the coordinator is away still knows whom to ask', async () => {
  await using fleet = await SwarmFleet.open();
  const { holder, puller } = await acquainted(fleet);
  const blob = publish(fleet, holder, { seed: 'restart', sizeBytes: 5 * MIB });

  await puller[Symbol.asyncDispose]();
  const again = await fleet.start('puller', { isAway: true });
  const got = await readAll(await again.swarm.open(blob, signal), signal);

  assert.ok(got.equals(blob.bytes));
});

test('Holders of one table all give pieces while the coordinator is away', async () => {
  await using fleet = await SwarmFleet.open();
  const holders = await Promise.all(['a', 'b', 'c'].map((nodeId) => fleet.start(nodeId)));
  const [blob] = holders.map((holder) => publish(fleet, holder, { seed: 'several', sizeBytes: 40 * MIB }));
  await fleet.introduce(
    'puller',
    holders.map((holder) => fleet.peerOf(holder)),
  );
  const puller = await fleet.start('puller', { isAway: true });
  assert.ok(blob !== undefined);

  const got = await readAll(await puller.swarm.open(blob, signal), signal);

  assert.ok(got.equals(blob.bytes));
  for (const holder of holders) assert.ok((await sentBytes(holder)) > 0);
});

test('Peers that have nothing say so at once, and the only holder is found among many', async () => {
  await using fleet = await SwarmFleet.open();
  const others = await Promise.all(Array.from({ length: 20 }, (_, at) => fleet.start(`other-${at}`)));
  const holder = await fleet.start('holder');
  const blob = publish(fleet, holder, { seed: 'many', sizeBytes: MIB });
  await fleet.introduce(
    'puller',
    [...others, holder].map((node) => fleet.peerOf(node)),
  );
  const puller = await fleet.start('puller', { isAway: true });

  const got = await readAll(await puller.swarm.open(blob, signal), signal);

  assert.ok(got.equals(blob.bytes));
});

for (const order of ['the liar first', 'the liar last'] as const) {
  test(`A wrong table costs nothing but time when an honest peer disagrees: ${order}`, async () => {
    await using fleet = await SwarmFleet.open();
    const honest = await fleet.start('honest');
    const liar = await fleet.start('liar');
    const blob = publish(fleet, honest, { seed: 'truth', sizeBytes: 5 * MIB });
    lieAbout(liar, blob);
    const peers = [fleet.peerOf(liar), fleet.peerOf(honest)];
    await fleet.introduce('puller', order === 'the liar first' ? peers : peers.reverse());
    const puller = await fleet.start('puller', { isAway: true });

    const got = await readAll(await puller.swarm.open(blob, signal), signal);

    assert.ok(got.equals(blob.bytes));
  });
}

test('A lone liar is found out by the digest, asked no more for that blob, and reported when the session is back', async () => {
  await using fleet = await SwarmFleet.open();
  const liar = await fleet.start('liar');
  const honest = await fleet.start('honest');
  const blob = publish(fleet, honest, { seed: 'lone', sizeBytes: 5 * MIB });
  lieAbout(liar, blob);
  await fleet.introduce('puller', [fleet.peerOf(liar)]);
  const puller = await fleet.start('puller', { isAway: true });
  const replicated = puller.swarm.replicate(blob, signal);
  const pieces = Math.ceil(blob.sizeBytes / blob.table.pieceBytes);
  await eventually({ what: 'all pieces of the liar' }, () => puller.store.written.length === pieces);

  puller.link.connect();
  await replicated;

  assert.ok(Buffer.from(puller.store.bytesOf(blob.digest) ?? []).equals(blob.bytes));
  assert.deepEqual(puller.reports, [{ nodeId: 'liar', reason: 'bad_piece' }]);
});

test('A client that was given bytes of a wrong table gets no more of them', async () => {
  await using fleet = await SwarmFleet.open();
  const liar = await fleet.start('liar');
  const blob = publish(fleet, liar, { seed: 'torn', sizeBytes: 5 * MIB });
  lieAbout(liar, blob);
  await fleet.introduce('puller', [fleet.peerOf(liar)]);
  const puller = await fleet.start('puller', { isAway: true });

  const reader = await puller.swarm.open(blob, signal);

  await assert.rejects(readAll(reader, signal), { code: 'digest_mismatch' });
});

test('A download under a provisional table goes over to the session when it is back', async () => {
  await using fleet = await SwarmFleet.open();
  const { holder, puller } = await acquainted(fleet);
  const blob = publish(fleet, holder, { seed: 'back', sizeBytes: 20 * MIB });
  puller.link.disconnect();
  const gate = holdBack(puller.store, 3);
  const reading = readAll(await puller.swarm.open(blob, signal), signal);
  await eventually({ what: 'some pieces' }, () => puller.store.written.length >= 3);
  const late = await fleet.start('late');
  fleet.forget(blob.digest, 'holder');

  puller.link.connect();
  await eventually({ what: 'the question of the table' }, () =>
    puller.link.calls.some(({ method }) => method === 'blob.locate'),
  );
  // From now on its pieces are given away: a node that knows nobody else gets the blob from it.
  const lateReading = readAll(await late.swarm.open(blob, signal), signal);
  gate.open();

  assert.ok((await reading).equals(blob.bytes));
  assert.ok((await lateReading).equals(blob.bytes));
});

test('Pieces under a provisional table survive a restart without the coordinator', async () => {
  await using fleet = await SwarmFleet.open();
  const { holder, puller } = await acquainted(fleet);
  const blob = publish(fleet, holder, { seed: 'resume', sizeBytes: 20 * MIB });
  const { store } = puller;
  const before = store.written.length;
  puller.link.disconnect();
  const gate = holdBack(store, 20);
  const reader = await puller.swarm.open(blob, signal);
  await eventually({ what: 'some pieces' }, () => store.written.length >= 20);
  gate.open();
  await puller[Symbol.asyncDispose]();
  await reader[Symbol.asyncDispose]();

  const again = await fleet.start('puller', { store, isAway: true });
  const got = await readAll(await again.swarm.open(blob, signal), signal);

  assert.ok(got.equals(blob.bytes));
  assert.equal(store.written.length - before, Math.ceil(blob.sizeBytes / blob.table.pieceBytes));
});

test('Nothing of a blob is given away while its table is only the word of a peer', async () => {
  await using fleet = await SwarmFleet.open();
  const { holder, puller } = await acquainted(fleet);
  const blob = publish(fleet, holder, { seed: 'mute', sizeBytes: 5 * MIB });
  puller.link.disconnect();
  const gate = holdBack(puller.store, 3);
  const reading = readAll(await puller.swarm.open(blob, signal), signal);
  await eventually({ what: 'some pieces' }, () => puller.store.written.length >= 3);
  fleet.forget(blob.digest, 'holder');
  fleet.hold(blob.digest, fleet.peerOf(puller));

  const other = await fleet.start('other', { noProgressMs: 700 });
  const reader = await other.swarm.open(blob, signal);

  await assert.rejects(readAll(reader, signal), { code: 'blob_unavailable' });
  gate.open();
  assert.ok((await reading).equals(blob.bytes));
});

test('A node that was removed from the fleet is forgotten', async () => {
  await using fleet = await SwarmFleet.open();
  const { puller } = await acquainted(fleet);

  puller.link.emit({ type: 'roster.removed', nodeIds: ['holder'] });
  await puller[Symbol.asyncDispose]();

  assert.deepEqual(await fleet.knownTo('puller'), []);
});

/** A holder and a puller that met over some other blob. */
async function acquainted(fleet: SwarmFleet): Promise<{ readonly holder: SwarmNode; readonly puller: SwarmNode }> {
  const holder = await fleet.start('holder');
  const puller = await fleet.start('puller');
  const first = publish(fleet, holder, { seed: 'first', sizeBytes: 1000 });
  await readAll(await puller.swarm.open(first, signal), signal);
  return { holder, puller };
}

/** Gives a node other bytes of the same length under the blob's name, with a table that fits them. */
function lieAbout(
  liar: SwarmNode,
  blob: { readonly digest: Parameters<MemoryBlobStore['corrupt']>[0]; readonly sizeBytes: number },
): PieceTable {
  const bytes = Buffer.concat([...seededBytes('lie', blob.sizeBytes)]);
  const { table } = new MemoryBlobStore().add(bytes);
  liar.store.corrupt(blob.digest, bytes, table);
  return table;
}

/** Lets so many pieces of the next download be written; the rest wait for the gate. */
function holdBack(store: MemoryBlobStore, pieces: number): { readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const limit = store.written.length + pieces;
  store.beforeWrite = () => (store.written.length >= limit ? opened : undefined);
  return { open };
}

async function sentBytes(node: SwarmNode): Promise<number> {
  const { body } = await node.metrics.text();
  return Number(/shoal_swarm_sent_bytes_total\{[^}]*\} (\d+)/.exec(body)?.[1] ?? 0);
}
