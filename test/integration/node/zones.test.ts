// A fleet in two zones, with the real coordinator and real nodes in one process: what crosses between them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComposedFleet, type FleetNode } from '../../support/composed-fleet.ts';
import { eventually } from '../../support/eventually.ts';
import { pushImage, ready, receivedBytes } from '../../support/fleet-traffic.ts';
import { freshName, RegistryWire } from '../../support/registry-wire.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';

const MIB = 1024 * 1024;
/** What a gateway may have asked for and not given to its zone yet when it goes: 3 hosts over there, 8 pieces of each. */
const MAX_UNDER_WAY_BYTES = 3 * 8 * 128 * 1024;
const NEAR = { zone: 'near' };
/** They stop at once, whatever their clients wait for. */
const FAR = { zone: 'far', rack: 'r1', drainMs: 0 };

async function startNodes(
  fleet: ComposedFleet,
  names: readonly string[],
  place: Readonly<Record<string, unknown>>,
): Promise<FleetNode[]> {
  const nodes: FleetNode[] = [];
  for (const name of names) nodes.push(await fleet.startNode(name, place));
  for (const node of nodes) await ready(node);
  return nodes;
}

async function pull(node: FleetNode, path: string, content: Buffer): Promise<void> {
  const answer = await new RegistryWire(node.baseUrl).send('GET', path);
  assert.equal(answer.status, 200);
  assert.ok(answer.body.equals(content));
}

async function total(nodes: readonly FleetNode[], zone: 'own' | 'other'): Promise<number> {
  let bytes = 0;
  for (const node of nodes) bytes += await receivedBytes(node, zone);
  return bytes;
}

/** Resolves when every node is connected to all others of its zone: they downloaded nothing yet, but know whom to ask. */
async function waitForFellows(nodes: readonly FleetNode[]): Promise<void> {
  for (const node of nodes) {
    await eventually({ what: 'a node to know the others' }, async () => {
      const { body } = await node.metrics.text();
      return Number(/^shoal_swarm_peers (\d+)/m.exec(body)?.[1] ?? 0) >= nodes.length - 1;
    });
  }
}

/** A fleet in which nodes of two zones wait for a layer whose only holder is away. */
async function waitingFleet(fleet: ComposedFleet, sizeBytes: number) {
  const [origin] = await startNodes(fleet, ['origin'], { ...NEAR, origin: true });
  const near = await startNodes(fleet, ['n1', 'n2'], NEAR);
  const far = await startNodes(fleet, ['f1', 'f2', 'f3', 'f4'], FAR);
  assert.ok(origin);
  const [layer, name] = [Buffer.concat([...seededBytes('zones', sizeBytes)]), freshName()];
  const image = await pushImage(origin, { name, tag: 'v1', layer });
  const path = `/v2/${name}/blobs/${image.layerDigest}`;
  for (const node of [...near, ...far]) await new RegistryWire(node.baseUrl).send('GET', `/v2/${name}/manifests/v1`);
  await origin[Symbol.asyncDispose]();
  const pulls = new Map([...near, ...far].map((node) => [node, pull(node, path, layer)]));
  await waitForFellows(near);
  await waitForFellows(far);
  return { near, far, pulls, path, layer };
}

test('Exactly one copy of a layer crosses into a zone, and none goes back', async () => {
  await using fleet = await ComposedFleet.start({ durability: { copies: 1, waitMs: 20_000 } });
  const { near, far, pulls, layer } = await waitingFleet(fleet, 8 * MIB);

  await fleet.startNode('origin', { ...NEAR, origin: true });
  await Promise.all(pulls.values());

  // On a machine that is so busy that a gateway says nothing for seconds others fetch what it was to bring.
  const crossed = await total(far, 'other');
  assert.ok(crossed >= layer.length && crossed <= layer.length * 1.05, `${crossed} of ${layer.length} crossed`);
  assert.equal(await total(near, 'other'), 0);
  assert.equal((await total(far, 'own')) + crossed, far.length * layer.length);
});

test('What a gateway that goes half way was to bring comes over others, and little of it twice', async () => {
  await using fleet = await ComposedFleet.start({ durability: { copies: 1, waitMs: 20_000 } });
  const { far, pulls, layer } = await waitingFleet(fleet, 24 * MIB);
  const [gone, ...others] = far;
  assert.ok(gone);
  const outcome = Promise.allSettled(pulls.values());

  await fleet.startNode('origin', { ...NEAR, origin: true });
  await eventually({ what: 'half of the layer to cross', intervalMs: 5 }, async () => {
    return (await total(far, 'other')) > layer.length / 2;
  });
  const broughtBytes = await receivedBytes(gone, 'other');
  await gone[Symbol.asyncDispose]();
  await outcome;

  for (const node of others) await pulls.get(node);
  const crossed = (await total(others, 'other')) + broughtBytes;
  assert.ok(broughtBytes < layer.length, 'it was not the end yet');
  assert.ok(crossed <= layer.length + MAX_UNDER_WAY_BYTES, `${crossed} of ${layer.length} crossed`);
});

test('A blob of one piece crosses into a zone once', async () => {
  await using fleet = await ComposedFleet.start({ durability: { copies: 1, waitMs: 20_000 } });
  const { near, far, pulls, layer } = await waitingFleet(fleet, 1000);

  await fleet.startNode('origin', { ...NEAR, origin: true });
  await Promise.all(pulls.values());

  assert.equal(await total(far, 'other'), layer.length);
  assert.equal(await total(near, 'other'), 0);
});
