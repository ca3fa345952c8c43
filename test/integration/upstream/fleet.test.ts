// A fleet as a cache: what one host fetched the others get from it, and only one fetches.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComposedFleet, type FleetNode } from '../../support/composed-fleet.ts';
import { FakeUpstream } from '../../support/fake-upstream.ts';
import { ready } from '../../support/fleet-traffic.ts';
import { RegistryWire } from '../../support/registry-wire.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';

const LAYER = Buffer.concat([...seededBytes('for a fleet', 3_000_000)]);

async function startNodes(fleet: ComposedFleet, upstream: FakeUpstream, count: number): Promise<readonly FleetNode[]> {
  const settings = { upstreams: { registries: [{ name: 'up.example', url: upstream.url }] }, drainMs: 0 };
  const nodes = [await fleet.startOwnNode(settings)];
  for (let index = 1; index < count; index += 1) nodes.push(await fleet.startNode(`node-${index}`, settings));
  await Promise.all(nodes.map(ready));
  return nodes;
}

test('Ten hosts that want a new image at once make the upstream send each blob once', async () => {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const nodes = await startNodes(fleet, upstream, 10);
  const image = upstream.hold('org/app', 'v1', LAYER);

  await Promise.all(
    nodes.map(async (node) => {
      const wire = new RegistryWire(node.baseUrl);
      const manifest = await wire.send('GET', '/v2/up.example/org/app/manifests/v1');
      assert.equal(manifest.headers['docker-content-digest'], image.digest);
      const blob = await wire.send('GET', `/v2/up.example/org/app/blobs/${image.layer}`);
      assert.equal(blob.status, 200, blob.body.toString().slice(0, 300));
      assert.ok(blob.body.equals(LAYER));
    }),
  );

  assert.equal(upstream.count('GET /v2/org/app/blobs/'), 1);
});

test('When the host that fetches fails, the next one fetches', async () => {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const [first, second] = await startNodes(fleet, upstream, 2);
  assert.ok(first !== undefined && second !== undefined);
  const image = upstream.hold('org/app', 'v1', LAYER);
  let begun: () => void = () => undefined;
  const isBegun = new Promise<void>((resolve) => (begun = resolve));
  upstream.intercept = ({ method, url }, response) => {
    if (method !== 'GET' || url?.includes('/blobs/') !== true) return false;
    response.writeHead(200, { 'content-length': LAYER.length }).write(LAYER.subarray(0, 1000));
    begun(); // and nothing more comes
    return true;
  };
  const path = `/v2/up.example/org/app/blobs/${image.layer}`;
  const stuck = new RegistryWire(first.baseUrl).send('GET', path).catch(() => undefined);
  await isBegun;
  const waiting = new RegistryWire(second.baseUrl).send('GET', path);
  upstream.intercept = () => false;
  await first[Symbol.asyncDispose]();

  const answer = await waiting;
  await stuck;
  assert.equal(answer.status, 200);
  assert.ok(answer.body.equals(LAYER));
});
