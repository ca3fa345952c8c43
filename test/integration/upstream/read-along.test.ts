// While one host of a fleet fetches a blob from its upstream, the others read it along, from each other.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComposedFleet, type FleetNode } from '../../support/composed-fleet.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeUpstream } from '../../support/fake-upstream.ts';
import { ready, receivedBytes } from '../../support/fleet-traffic.ts';
import { beginReading, GatedBlob, type Reading } from '../../support/gated-blob.ts';
import { patientClock } from '../../support/patient-clock.ts';
import { RegistryWire } from '../../support/registry-wire.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';

const LAYER = Buffer.concat([...seededBytes('read along', 3_000_000)]);
const HALF = 1_600_000;

interface World extends AsyncDisposable {
  readonly fleet: ComposedFleet;
  readonly nodes: readonly FleetNode[];
  readonly upstream: FakeUpstream;
  readonly gate: GatedBlob;
  readonly layer: string;
}

/** Nodes in a fleet with an upstream that has one image, whose layer comes as the gate lets it. @param sent what it sends as the layer. */
async function startWorld(count: number, sent: Buffer = LAYER): Promise<World> {
  const upstream = await FakeUpstream.start();
  const fleet = await ComposedFleet.start();
  const settings = { upstreams: { registries: [{ name: 'up.example', url: upstream.url }] }, drainMs: 0 };
  const nodes = [await fleet.startOwnNode(settings, patientClock)];
  for (let index = 1; index < count; index += 1)
    nodes.push(await fleet.startNode(`node-${index}`, settings, patientClock));
  await Promise.all(nodes.map(ready));
  const { layer } = upstream.hold('org/app', 'v1', LAYER);
  const gate = new GatedBlob(upstream, sent);
  return {
    fleet,
    nodes,
    upstream,
    gate,
    layer,
    [Symbol.asyncDispose]: async () => {
      await fleet[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

function read(node: FleetNode, layer: string): Reading {
  return beginReading(`${node.baseUrl}/v2/up.example/org/app/blobs/${layer}`);
}

async function gotBytes(readings: readonly Reading[], bytes: number): Promise<void> {
  await eventually({ what: `${bytes} bytes at each client` }, () =>
    readings.every(({ receivedBytes: got }) => got() >= bytes),
  );
}

/** Lets the first of them begin to fetch. */
async function begin(world: World): Promise<Reading> {
  const [first] = world.nodes;
  assert.ok(first !== undefined);
  const reading = read(first, world.layer);
  await eventually({ what: 'the upstream to be asked' }, () => world.gate.asked.length === 1);
  return reading;
}

test('Every host of a fleet has bytes before the upstream has sent the last, and the upstream sends one copy', async () => {
  await using world = await startWorld(6);
  const readings = world.nodes.map((node) => read(node, world.layer));

  world.gate.open(HALF);
  await gotBytes(readings, 1_000_000);
  assert.equal(world.gate.sentBytes, HALF);
  world.gate.open(LAYER.length);

  for (const { whole } of readings) assert.ok((await whole).equals(LAYER));
  assert.deepEqual(world.gate.asked, [0]);
  assert.equal(world.gate.sentBytes, LAYER.length);
});

test('When the host that fetches goes, another goes on where it is, and no client of the others notices', async () => {
  await using world = await startWorld(4);
  const first = await begin(world);
  const others = world.nodes.slice(1).map((node) => read(node, world.layer));
  world.gate.open(HALF);
  await gotBytes(others, 1_000_000);

  await world.nodes[0]?.[Symbol.asyncDispose]();
  await first.whole.catch(() => undefined);
  await eventually({ what: 'another to ask the upstream' }, () => world.gate.asked.length === 2);
  world.gate.open(LAYER.length);

  for (const { whole } of others) assert.ok((await whole).equals(LAYER));
  assert.equal(world.gate.asked.length, 2);
  assert.ok((world.gate.asked[1] ?? 0) >= 1_000_000, 'it asked for what is missing alone');
});

test('What turns out not to be the blob is torn at every client, and kept by no host', async () => {
  const wrong = Buffer.from(LAYER);
  wrong.writeUInt8((wrong[2_999_999] ?? 0) ^ 1, 2_999_999);
  await using world = await startWorld(4, wrong);
  const readings = world.nodes.map((node) => read(node, world.layer));
  world.gate.open(HALF);
  await gotBytes(readings, 1_000_000);

  world.gate.open(wrong.length);

  for (const { whole, receivedBytes: got } of readings) {
    await assert.rejects(whole);
    assert.ok(got() < wrong.length);
  }
  world.upstream.intercept = () => false;
  for (const node of world.nodes) {
    const answer = await new RegistryWire(node.baseUrl).send('GET', `/v2/up.example/org/app/blobs/${world.layer}`);
    assert.ok(answer.body.equals(LAYER), String(answer.status));
  }
});

test('No host sends more than two copies, however many read along', async () => {
  await using world = await startWorld(8);
  await begin(world);
  const readings = world.nodes.map((node) => read(node, world.layer));
  world.gate.open(HALF);
  await gotBytes(readings, 1_000_000);
  world.gate.open(LAYER.length);
  for (const { whole } of readings) assert.ok((await whole).equals(LAYER));

  const received = await Promise.all(world.nodes.map((node) => receivedBytes(node)));
  const sent = await Promise.all(world.nodes.map(sentBytes));

  assert.equal(received.filter((bytes) => bytes >= LAYER.length).length, 7);
  assert.ok(
    sent.every((bytes) => bytes <= 2.2 * LAYER.length),
    `sent: ${sent.join(' ')}`,
  );
});

/** Payload that a node sent to others. */
async function sentBytes(node: FleetNode): Promise<number> {
  const { body } = await node.metrics.text();
  let total = 0;
  for (const [, value] of body.matchAll(/^shoal_swarm_sent_bytes_total\{[^}]*\} (\d+)/gm)) total += Number(value);
  return total;
}
