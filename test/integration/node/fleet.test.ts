// What a fleet promises, with the real coordinator and real nodes in one process.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Check } from 'typebox/value';
import { PullDetail, type PullList } from '../../../shared/protocol/pull-report.ts';
import { ComposedFleet, type FleetNode } from '../../support/composed-fleet.ts';
import { eventually } from '../../support/eventually.ts';
import { pushImage, ready, receivedBytes } from '../../support/fleet-traffic.ts';
import { digestText, freshName, RegistryWire } from '../../support/registry-wire.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';

const MIB = 1024 * 1024;

describe('a fleet of an origin and two nodes', () => {
  let fleet: ComposedFleet;
  let origin: FleetNode;
  let pusher: FleetNode;
  let puller: FleetNode;
  before(async () => {
    fleet = await ComposedFleet.start({ durability: { copies: 1, waitMs: 20_000 } });
    origin = await fleet.startOwnNode();
    pusher = await fleet.startNode('pusher');
    puller = await fleet.startNode('puller');
    for (const node of [origin, pusher, puller]) await ready(node);
  });
  after(() => fleet[Symbol.asyncDispose]());

  test('What is pushed to any node is pulled from every other, bytes and digests equal', async () => {
    const name = freshName();
    const layer = Buffer.concat([...seededBytes('layer', 5 * MIB)]);
    const image = await pushImage(pusher, { name, tag: 'v1', layer });

    for (const node of [origin, puller]) {
      const wire = new RegistryWire(node.baseUrl);
      const manifest = await wire.send('GET', `/v2/${name}/manifests/v1`);
      assert.equal(manifest.status, 200);
      assert.equal(manifest.headers['docker-content-digest'], image.digest);
      const blob = await wire.send('GET', `/v2/${name}/blobs/${image.layerDigest}`);
      assert.equal(blob.status, 200);
      assert.ok(blob.body.equals(layer));
    }
  });

  test('A moved tag is seen at once on every host', async () => {
    const name = freshName();
    await pushImage(pusher, { name, tag: 'v1', layer: Buffer.from('one') });
    const wire = new RegistryWire(puller.baseUrl);
    await wire.send('GET', `/v2/${name}/manifests/v1`);

    const moved = await pushImage(origin, { name, tag: 'v1', layer: Buffer.from('two') });

    const seen = await wire.send('HEAD', `/v2/${name}/manifests/v1`);
    assert.equal(seen.headers['docker-content-digest'], moved.digest);
  });

  test('Ten clients of one node share one download', async () => {
    const name = freshName();
    const layer = Buffer.concat([...seededBytes('shared', 8 * MIB)]);
    const image = await pushImage(origin, { name, tag: 'v1', layer });
    const before_ = await receivedBytes(puller);

    const pulls = Array.from({ length: 10 }, () =>
      new RegistryWire(puller.baseUrl).send('GET', `/v2/${name}/blobs/${image.layerDigest}`),
    );
    for (const pull of await Promise.all(pulls)) assert.ok(pull.body.equals(layer));

    assert.equal((await receivedBytes(puller)) - before_, layer.length);
  });
});

test('A host tells of a pull under the name of its image, with bytes that add up, also after a restart', async () => {
  await using fleet = await ComposedFleet.start({ durability: { copies: 1, waitMs: 20_000 } });
  const origin = await fleet.startOwnNode({ zone: 'east' });
  const name = freshName();
  const layer = Buffer.concat([...seededBytes('reported', 3 * MIB)]);
  const image = await pushImage(origin, { name, tag: 'v7', layer });
  const reports: unknown[] = [];
  for (let start = 0; start < 2; start += 1) {
    await using puller = await fleet.startNode('puller', { zone: 'east' });
    await ready(puller);
    const wire = new RegistryWire(puller.baseUrl);
    await wire.send('GET', `/v2/${name}/manifests/v7`);
    for (const digest of [image.layerDigest, digestText(Buffer.from('{}'))]) {
      assert.equal((await wire.send('GET', `/v2/${name}/blobs/${digest}`)).status, 200);
    }
    const { pulls } = (await (await fetch(`${puller.baseUrl}/pulls`)).json()) as PullList;
    assert.equal(pulls.length, 1); // what is on the disk after the restart is not fetched again
    const report = await eventually({ what: 'the report to be done' }, async () => {
      const detail = (await (await fetch(`${puller.baseUrl}/pulls/${pulls[0]?.id}`)).json()) as PullDetail;
      return detail.state === 'done' && detail;
    });
    assert.ok(Check(PullDetail, report));
    assert.deepEqual([report.image?.repository, report.image?.tag, report.image?.digest], [name, 'v7', image.digest]);
    assert.equal(report.fetchedBytes, layer.length + 2);
    assert.equal(
      report.peers.reduce((sum, peer) => sum + peer.receivedBytes, 0),
      report.sizeBytes + report.wastedBytes,
    );
    assert.deepEqual(
      report.peers.map(({ nodeId, isOrigin, zone, transport }) => [nodeId, isOrigin, zone, transport]),
      [[origin.running.nodeId, true, 'east', 'tls']],
    );
    reports.push({ ...report, nowMs: 0 });
  }
  assert.deepEqual(reports[1], reports[0]);
});
