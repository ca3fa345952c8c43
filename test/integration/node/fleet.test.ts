// What a fleet promises, with the real coordinator and real nodes in one process.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Check } from 'typebox/value';
import { PullDetail, type PullList } from '../../../shared/protocol/pull-report.ts';
import { ComposedFleet, type FleetNode } from '../../support/composed-fleet.ts';
import { eventually } from '../../support/eventually.ts';
import { exchange } from '../../support/http-exchange.ts';
import { digestText, EMPTY_CONFIG, freshName, OCI_MANIFEST, RegistryWire } from '../../support/registry-wire.ts';
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
  const origin = await fleet.startOwnNode();
  const name = freshName();
  const layer = Buffer.concat([...seededBytes('reported', 3 * MIB)]);
  const image = await pushImage(origin, { name, tag: 'v7', layer });
  const reports: unknown[] = [];
  for (let start = 0; start < 2; start += 1) {
    await using puller = await fleet.startNode('puller');
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
      report.peers.map(({ nodeId, isOrigin }) => [nodeId, isOrigin]),
      [[origin.running.nodeId, true]],
    );
    reports.push({ ...report, nowMs: 0 });
  }
  assert.deepEqual(reports[1], reports[0]);
});

async function pushImage(
  node: FleetNode,
  image: { readonly name: string; readonly tag: string; readonly layer: Buffer },
): Promise<{ readonly digest: string; readonly layerDigest: string }> {
  const wire = new RegistryWire(node.baseUrl);
  const layerDigest = digestText(image.layer);
  for (const blob of [image.layer, Buffer.from('{}')]) {
    const path = `/v2/${image.name}/blobs/uploads/?digest=${digestText(blob)}`;
    const answer = await wire.send('POST', path, { body: blob, headers: { 'content-length': String(blob.length) } });
    assert.equal(answer.status, 201, answer.body.toString());
  }
  const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layerDigest, size: image.layer.length };
  const body = JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config: EMPTY_CONFIG, layers: [layer] });
  const answer = await wire.send('PUT', `/v2/${image.name}/manifests/${image.tag}`, {
    body,
    headers: { 'content-type': OCI_MANIFEST },
  });
  assert.equal(answer.status, 201, answer.body.toString());
  return { digest: `sha256:${createHash('sha256').update(body).digest('hex')}`, layerDigest };
}

async function ready(node: FleetNode): Promise<void> {
  const { port } = new URL(node.baseUrl);
  await eventually({ what: 'the node to be ready' }, async () => {
    const answer = await exchange({ address: { port: Number(port) } }, { method: 'GET', path: '/readyz' });
    return answer.status === 200;
  });
}

async function receivedBytes(node: FleetNode): Promise<number> {
  const { body } = await node.metrics.text();
  let total = 0;
  for (const [, value] of body.matchAll(/^shoal_swarm_received_bytes_total\{[^}]*\} (\d+)/gm)) total += Number(value);
  return total;
}
