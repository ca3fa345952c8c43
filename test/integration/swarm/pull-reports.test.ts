// What the reports say of real downloads.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlobPull } from '../../../shared/protocol/pull-report.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { eventually } from '../../support/eventually.ts';
import { publish, readAll } from '../../support/pull-blob.ts';
import { SwarmFleet, type SwarmNode } from '../../support/swarm-fleet.ts';

const MIB = 1024 * 1024;
const { signal } = new AbortController();

/** The only report of a node, when its download has ended. */
async function reportOf(node: SwarmNode): Promise<BlobPull> {
  const [pull] = node.pulls.list(1).pulls;
  const [blob] = node.pulls.detail(pull?.id ?? 0)?.blobs ?? [];
  assert.ok(blob !== undefined);
  return blob;
}

for (const sizeBytes of [1, 100_000, 20 * MIB + 7]) {
  test(`Of a blob of ${sizeBytes} bytes, bytes by peer add up to its size and the waste`, async () => {
    await using fleet = await SwarmFleet.open();
    const origin = await fleet.start('origin');
    const peer = await fleet.start('peer');
    const puller = await fleet.start('puller');
    publish(fleet, origin, { seed: 'one', sizeBytes, isOrigin: true });
    const blob = publish(fleet, peer, { seed: 'one', sizeBytes });

    await readAll(await puller.swarm.open(blob, signal), signal);
    await puller.swarm.replicate(blob, signal);

    const report = await reportOf(puller);
    assert.equal(report.state, 'done');
    assert.equal(report.clients, 1);
    assert.equal(report.fetchedBytes, sizeBytes);
    assert.equal(
      report.peers.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0),
      sizeBytes + report.wastedBytes,
    );
    assert.ok(
      report.peers.every(
        ({ transport, nodeId, isOrigin }) => transport === 'tls' && isOrigin === (nodeId === 'origin'),
      ),
    );
    assert.ok(report.firstByteMs !== undefined && report.firstByteMs <= report.tookMs);
    assert.ok(report.requests >= 1);
  });
}

test('A download that was cut off and goes on says what was here already', async () => {
  await using fleet = await SwarmFleet.open();
  const holder = await fleet.start('holder');
  const puller = await fleet.start('puller');
  const blob = publish(fleet, holder, { seed: 'resume', sizeBytes: 8 * MIB });
  const half = blob.table.hashes.byteLength / 64;
  let written = 0;
  puller.store.beforeWrite = () => {
    written += 1;
    if (written > half) throw new AppError('not_enough_space', 'no room');
    return undefined;
  };
  await assert.rejects(puller.swarm.replicate(blob, signal));
  puller.store.beforeWrite = () => undefined;
  await puller.swarm.replicate(blob, signal);

  const [second, first] = puller.pulls.list(2).pulls;
  assert.equal(first?.state, 'failed');
  assert.match(first?.verdict.text ?? '', /no room/);
  assert.equal(second?.state, 'done');
  assert.ok((second?.hereBytes ?? 0) > 0);
  assert.equal((second?.hereBytes ?? 0) + (second?.fetchedBytes ?? 0), blob.sizeBytes);
});

test('A peer that sends wrong pieces is named, and its bytes are waste', async () => {
  await using fleet = await SwarmFleet.open();
  const liar = await fleet.start('liar');
  const honest = await fleet.start('honest');
  const puller = await fleet.start('puller');
  const blob = publish(fleet, honest, { seed: 'truth', sizeBytes: 4 * MIB });
  const wrong = Buffer.from(blob.bytes.map((byte) => byte ^ 1));
  liar.store.corrupt(blob.digest, wrong, blob.table);
  fleet.forget(blob.digest, 'honest');
  fleet.hold(blob.digest, fleet.peerOf(liar));

  const replicated = puller.swarm.replicate(blob, signal);
  await eventually({ what: 'the liar to be found out' }, () => puller.reports.length > 0);
  fleet.hold(blob.digest, fleet.peerOf(honest));
  await replicated;

  const report = await reportOf(puller);
  assert.equal(report.verdict.code, 'wrong_pieces');
  assert.equal(report.verdict.peer, 'liar');
  assert.ok(report.wastedBytes > 0);
  const bytes = report.peers.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0);
  assert.equal(bytes, blob.sizeBytes + report.wastedBytes);
});
