// Files that no record names, from the coordinator's side.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OrphanFiles } from '../../../coordinator/collection/orphan-files.ts';
import type { Digest } from '../../../shared/oci/digest.ts';
import type { CoordinatorEvent } from '../../../shared/protocol/coordinator-methods.ts';
import { Metrics } from '../../../shared/runtime/metrics.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { smallBlob } from '../../support/test-coordinator.ts';

const DELAY_MS = 60_000;
const RETRY_MS = 5000;
const ONE = smallBlob('one').digest;

class World {
  readonly clock = new FakeClock();
  readonly metrics = new Metrics();
  readonly connected = ['node-1'];
  /** Those that know no order to say all again. */
  readonly old = new Set<string>();
  readonly sent: Array<{ readonly nodeId: string; readonly event: CoordinatorEvent }> = [];
  readonly files = new OrphanFiles(
    {
      clock: this.clock,
      metrics: this.metrics,
      sessions: {
        all: () => this.connected.map((nodeId) => ({ nodeId, carriesOut: () => !this.old.has(nodeId) })),
        send: (nodeId, event) => void this.sent.push({ nodeId, event }),
      },
    },
    { delayMs: DELAY_MS, retryMs: RETRY_MS },
  );

  async count(): Promise<number> {
    const { body } = await this.metrics.text();
    return Number(/^shoal_collection_orphan_files (\d+)$/m.exec(body)?.[1]);
  }
}

test('A host is told to remove what no record names after the delay, and again while it does not', async () => {
  const world = new World();
  world.files.noticed('node-1', ONE);
  await world.clock.advance(DELAY_MS - 1);
  world.files.noticed('node-1', ONE); // its next session says so again; the delay runs from the first time
  world.files.sendDue();
  assert.deepEqual(world.sent, []);

  await world.clock.advance(1);
  world.files.sendDue();
  world.files.sendDue();
  const order = { nodeId: 'node-1', event: { type: 'order.remove', digest: ONE } };
  assert.deepEqual(world.sent, [order]);
  await world.clock.advance(RETRY_MS);
  world.files.sendDue();
  assert.deepEqual(world.sent, [order, order]);
});

test('What is gone, or has a record now, is left alone', async () => {
  const world = new World();
  world.files.noticed('node-1', ONE);
  assert.equal(await world.count(), 1);
  world.files.settled('node-1', ONE);
  world.files.settled('node-1', ONE);
  world.files.settled('node-2', ONE);
  await world.clock.advance(DELAY_MS);
  world.files.sendDue();
  assert.deepEqual(world.sent, []);
  assert.equal(await world.count(), 0);
});

test('A host that is away is told when it is back, and one that left the fleet is forgotten', async () => {
  const world = new World();
  world.files.noticed('node-2', ONE);
  world.files.noticed('node-3', ONE);
  world.files.forgetNode('node-3');
  await world.clock.advance(DELAY_MS);
  world.files.sendDue();
  assert.deepEqual(world.sent, []);
  world.connected.push('node-2', 'node-3');
  world.files.sendDue();
  assert.deepEqual(
    world.sent.map(({ nodeId }) => nodeId),
    ['node-2'],
  );
});

test('A host hears of two hundred files at a time, and the next follow as these are gone', async () => {
  const world = new World();
  const digests = Array.from({ length: 450 }, (_, index) => smallBlob(`file ${index}`).digest);
  for (const digest of digests) world.files.noticed('node-1', digest);
  await world.clock.advance(DELAY_MS);
  world.files.sendDue();
  assert.equal(world.sent.length, 200);
  for (const digest of digests.slice(0, 200)) world.files.settled('node-1', digest);
  world.files.sendDue();
  assert.equal(world.sent.length, 400);
});

/** Hosts that were told to say again what they hold. */
function asked({ sent }: World): readonly string[] {
  return sent.filter(({ event }) => event.type === 'order.announce').map(({ nodeId }) => nodeId);
}

function blobs(count: number): readonly Digest[] {
  return Array.from({ length: count }, (_, index) => smallBlob(`${index}`).digest);
}

test('A host with more files than are remembered leaves room for others, and says the rest again when its own are gone', async () => {
  const world = new World();
  const digests = blobs(100_010);
  const remaining = new Set(digests);
  const say = (): void => remaining.forEach((digest) => world.files.noticed('node-1', digest));
  say();
  assert.equal(await world.count(), 100_000);
  world.files.noticed('node-2', ONE);
  const count = await world.count();
  assert.ok(count > 98_000 && count < 100_000, `${count}`);
  world.files.sendDue();
  assert.deepEqual(asked(world), []);

  for (const digest of digests.slice(0, 99_900)) {
    remaining.delete(digest);
    world.files.settled('node-1', digest);
  }
  world.files.sendDue();
  world.files.sendDue();
  assert.deepEqual(asked(world), ['node-1']);
  say();
  assert.equal(await world.count(), 111);
});

test('Hosts that never delete anything take from the others no more than an equal part', async () => {
  const world = new World();
  const digests = blobs(20_000);
  for (let host = 0; host < 8; host += 1) for (const digest of digests) world.files.noticed(`bad-${host}`, digest);
  assert.equal(await world.count(), 100_000);

  // Two that obey: each gets rid of its twenty thousand files.
  world.connected.splice(0, 1, 'good-1', 'good-2');
  const held = new Map(world.connected.map((nodeId) => [nodeId, new Set(digests)]));
  for (const [nodeId, files] of held) for (const digest of files) world.files.noticed(nodeId, digest);
  for (let turn = 0; turn < 1000; turn += 1) {
    await world.clock.advance(DELAY_MS);
    world.files.sendDue();
    for (const { nodeId, event } of world.sent.splice(0)) {
      const files = held.get(nodeId);
      if (event.type === 'order.remove' && files?.delete(event.digest) === true)
        world.files.settled(nodeId, event.digest);
      if (event.type === 'order.announce') files?.forEach((digest) => world.files.noticed(nodeId, digest));
    }
    if ([...held.values()].every(({ size }) => size === 0)) break;
  }

  assert.deepEqual(
    [...held.values()].map(({ size }) => size),
    [0, 0],
  );
});

test('A host that does not know the order to say all again is not sent it', () => {
  const world = new World();
  world.old.add('node-1');
  const digests = blobs(100_010);
  for (const digest of digests) world.files.noticed('node-1', digest);
  for (const digest of digests) world.files.settled('node-1', digest);

  world.files.sendDue();
  assert.deepEqual(asked(world), []);
  world.old.clear();
  world.files.sendDue();
  assert.deepEqual(asked(world), ['node-1']);
});

test('Hosts together fill no more than a hundred thousand places, and leaving gives them back', async () => {
  const world = new World();
  const digests = blobs(10_010);
  for (let node = 0; node < 10; node += 1) for (const digest of digests) world.files.noticed(`host-${node}`, digest);
  assert.equal(await world.count(), 100_000);
  for (let node = 0; node < 10; node += 1) world.files.forgetNode(`host-${node}`);
  assert.equal(await world.count(), 0);
  world.files.noticed('node-1', ONE);
  assert.equal(await world.count(), 1);
});
