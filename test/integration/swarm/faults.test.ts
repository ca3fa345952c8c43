import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { pieceCount } from '../../../shared/pieces/piece-table.ts';
import { parseHostPort } from '../../../shared/runtime/host-port.ts';
import { eventually } from '../../support/eventually.ts';
import { makeTestFleet } from '../../support/fleet-identity.ts';
import { MemoryBlobStore } from '../../support/memory-blob-store.ts';
import { publish, readAll } from '../../support/pull-blob.ts';
import { lyingHolder, silentHolder, startScriptedPeer, type PeerScript } from '../../support/scripted-peer.ts';
import { SwarmFleet, type SwarmNode } from '../../support/swarm-fleet.ts';

const MIB = 1024 * 1024;
const { signal } = new AbortController();

for (const sizeBytes of [1000, 20 * MIB]) {
  test(`A node that serves flipped bits of ${sizeBytes} bytes is dropped, reported, and harms nobody`, async () => {
    await using fleet = await SwarmFleet.open();
    const good = await fleet.start('good');
    const bad = await fleet.start('bad');
    const puller = await fleet.start('puller');
    const blob = publish(fleet, good, { seed: 'bits', sizeBytes });
    const flipped = Buffer.from(blob.bytes);
    for (let at = 0; at < flipped.length; at += 500) flipped[at] = 255 - (flipped[at] ?? 0);
    bad.store.corrupt(blob.digest, flipped, blob.table);
    fleet.forget(blob.digest, 'good');
    fleet.hold(blob.digest, fleet.peerOf(bad));

    const reader = await puller.swarm.open(blob, signal);
    await eventually({ what: 'a report about the bad node' }, () =>
      puller.reports.some(({ reason }) => reason === 'bad_piece'),
    );
    fleet.hold(blob.digest, fleet.peerOf(good));
    const got = await readAll(reader, signal);

    assert.ok(got.equals(blob.bytes));
    assert.deepEqual(
      puller.reports.filter(({ reason }) => reason === 'bad_piece').map(({ nodeId }) => nodeId),
      ['bad'],
    );
    assert.match((await puller.metrics.text()).body, /shoal_swarm_pieces_total\{result="bad"\} [1-9]/);
  });
}

for (const [what, isMute, script] of [
  ['is silent after the handshake', true, silentHolder],
  ['is silent after it said that it has everything', false, silentHolder],
  ['announces what it does not have', false, lyingHolder],
] as const) {
  test(`A node that ${what} is worked around`, async () => {
    await using fleet = await SwarmFleet.open();
    await using odd = await startScriptedPeer(fleet.identity, { nodeId: 'odd', script, isMute });
    const good = await fleet.start('good');
    const puller = await fleet.start('puller');
    const blob = publish(fleet, good, { seed: 'odd', sizeBytes: 10 * MIB });
    fleet.hold(blob.digest, odd.peer);

    const got = await readAll(await puller.swarm.open(blob, signal), signal);

    assert.ok(got.equals(blob.bytes));
    await eventually({ what: 'the odd node to be asked' }, () => odd.heard.includes('hello'));
  });
}

test('A node that stood still takes what came meanwhile, and calls nobody late', async () => {
  await using fleet = await SwarmFleet.open();
  const puller = await fleet.start('puller');
  const spare = await fleet.start('spare');
  const blob = publish(fleet, spare, { seed: 'still', sizeBytes: MIB });
  fleet.forget(blob.digest, 'spare');
  const { pieceBytes } = blob.table;
  let sentCount = 0;
  const script: PeerScript = (frame, wire) => {
    if (frame.type !== 'request') return silentHolder(frame, wire);
    const { pieceIndex } = frame;
    wire.data(
      { channel: 1, pieceIndex, offset: 0 },
      blob.bytes.subarray(pieceIndex * pieceBytes, (pieceIndex + 1) * pieceBytes),
    );
    sentCount += 1;
    if (sentCount === pieceCount(blob.table)) setImmediate(() => standStill(700));
    return [];
  };
  await using holder = await startScriptedPeer(fleet.identity, { nodeId: 'holder', script });
  fleet.hold(blob.digest, holder.peer);

  await puller.swarm.replicate(blob, signal);

  assert.deepEqual(puller.reports, []);
  assert.equal(sentCount, pieceCount(blob.table));
});

/** Nothing happens in this process for so long, as on a machine whose processors have other things to do. */
function standStill(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

test('A pull waits for the only holder of a blob and completes when it returns', async () => {
  await using fleet = await SwarmFleet.open();
  const store = new MemoryBlobStore();
  const holder = await fleet.start('holder', { store });
  const puller = await fleet.start('puller');
  const blob = publish(fleet, holder, { seed: 'back', sizeBytes: 20 * MIB });
  const gate = await pullHalf(puller, blob);

  await holder[Symbol.asyncDispose]();
  gate.open();
  const reading = readAll(gate.reader, signal);
  const back = await fleet.start('holder', { store });
  fleet.hold(blob.digest, fleet.peerOf(back));

  assert.ok((await reading).equals(blob.bytes));
  assertOnce(puller.store);
});

test('A download fails with blob_unavailable when no holder can be reached in time', async () => {
  await using fleet = await SwarmFleet.open();
  const holder = await fleet.start('holder');
  const puller = await fleet.start('puller', { noProgressMs: 500 });
  const blob = publish(fleet, holder, { seed: 'gone', sizeBytes: MIB });
  await holder[Symbol.asyncDispose]();

  const reader = await puller.swarm.open(blob, signal);

  await assert.rejects(readAll(reader, signal), { code: 'blob_unavailable' });
});

test('A node that restarts fetches only what it did not have', async () => {
  await using fleet = await SwarmFleet.open();
  const holder = await fleet.start('holder');
  const store = new MemoryBlobStore();
  const before = await fleet.start('puller', { store });
  const blob = publish(fleet, holder, { seed: 'resume', sizeBytes: 20 * MIB });
  const gate = await pullHalf(before, blob);
  gate.open();
  await before[Symbol.asyncDispose]();
  const kept = store.written.length;

  const after = await fleet.start('puller', { store });
  const got = await readAll(await after.swarm.open(blob, signal), signal);

  assert.ok(got.equals(blob.bytes));
  assert.ok(kept > 0);
  assertOnce(store);
});

test('Content that does not match its digest reaches no client whole', async () => {
  await using fleet = await SwarmFleet.open();
  const holder = await fleet.start('holder');
  const puller = await fleet.start('puller');
  const blob = publish(fleet, holder, { seed: 'true', sizeBytes: 2 * MIB });
  const other = publish(fleet, holder, { seed: 'false', sizeBytes: 2 * MIB });
  // The table is that of the other bytes: every piece fits it, the whole does not fit the digest.
  holder.store.corrupt(blob.digest, other.bytes, other.table);
  fleet.know(blob.digest, other.table);

  const reader = await puller.swarm.open(blob, signal);

  await assert.rejects(readAll(reader, signal), { code: 'digest_mismatch' });
});

test('Strangers get nothing: no certificate, or one of another fleet', async () => {
  await using fleet = await SwarmFleet.open();
  await using foreign = await makeTestFleet();
  const node = await fleet.start('node');
  const { host, port } = parseHostPort(node.swarm.address);
  const { key, cert } = foreign.nodeTls('node-2');

  for (const credentials of [{}, { key, cert }]) {
    const socket = connect({ host, port, rejectUnauthorized: false, ALPNProtocols: ['shoal-peer/1'], ...credentials });
    let heardBytes = 0;
    socket.on('data', (chunk: Buffer) => (heardBytes += chunk.length));
    socket.on('error', () => socket.destroy());
    await new Promise((resolve) => socket.once('close', resolve));
    assert.equal(heardBytes, 0);
  }
  assert.match((await node.metrics.text()).body, /shoal_swarm_peers 0/);
});

test('A node that the roster no longer names is cut off and refused', async () => {
  await using fleet = await SwarmFleet.open();
  const holder = await fleet.start('holder');
  const removed = await fleet.start('removed');
  const first = publish(fleet, holder, { seed: 'first', sizeBytes: 1000 });
  const second = publish(fleet, holder, { seed: 'second', sizeBytes: MIB });
  await readAll(await removed.swarm.open(first, signal), signal);

  holder.link.emit({ type: 'roster.removed', nodeIds: ['removed'] });

  await eventually({ what: 'the connection to be cut' }, async () =>
    (await removed.metrics.text()).body.includes('shoal_swarm_peers 0'),
  );
  await removed[Symbol.asyncDispose]();
  const again = await fleet.start('removed', { noProgressMs: 1000 });
  const reader = await again.swarm.open(second, signal);
  await assert.rejects(readAll(reader, signal), { code: 'blob_unavailable' });
});

test('Two nodes that dial each other at once end up with one connection and both blobs', async () => {
  await using fleet = await SwarmFleet.open();
  const left = await fleet.start('left');
  const right = await fleet.start('right');
  const ofLeft = publish(fleet, left, { seed: 'left', sizeBytes: 3 * MIB });
  const ofRight = publish(fleet, right, { seed: 'right', sizeBytes: 3 * MIB });

  const [atRight, atLeft] = await Promise.all([
    right.swarm.open(ofLeft, signal).then((reader) => readAll(reader, signal)),
    left.swarm.open(ofRight, signal).then((reader) => readAll(reader, signal)),
  ]);

  assert.ok(atRight.equals(ofLeft.bytes) && atLeft.equals(ofRight.bytes));
  await eventually({ what: 'one connection' }, async () => {
    const pages = await Promise.all([left, right].map((node) => node.metrics.text()));
    return pages.every(({ body }) => body.includes('shoal_swarm_peers 1\n'));
  });
});

/** Starts a pull whose writes stop half way until the gate opens. */
async function pullHalf(puller: SwarmNode, blob: ReturnType<typeof publish>) {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const half = blob.sizeBytes / blob.table.pieceBytes / 2;
  puller.store.beforeWrite = () => (puller.store.written.length >= half ? opened : undefined);
  const reader = await puller.swarm.open(blob, signal);
  await eventually({ what: 'half of the pieces' }, () => puller.store.written.length >= half);
  return { reader, open };
}

function assertOnce(store: MemoryBlobStore): void {
  const pieces = store.written.map(({ pieceIndex }) => pieceIndex);
  assert.equal(new Set(pieces).size, pieces.length, 'a piece was fetched twice');
}
