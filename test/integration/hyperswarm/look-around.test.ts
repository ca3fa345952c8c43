import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LookAround } from '../../../node/swarm/hyperswarm/look-around.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { PrivateDht, type TestTransport } from '../../support/private-dht.ts';

const { signal } = new AbortController();

/** Lets a node look around as if the coordinator were away. */
function looking(node: TestTransport): LookAround {
  const link = new FakeLink({});
  link.isConnected = false;
  return LookAround.start({
    clock: systemClock,
    log: silentLogger,
    random: () => 0,
    link,
    transport: node.transport,
    isKnownKey: (key) => node.proven.some(({ noiseKey }) => noiseKey === key),
    onRefreshed: () => undefined,
  });
}

function knows(node: TestTransport, others: readonly TestTransport[]): boolean {
  return others.every((other) => other === node || node.proven.some(({ noiseKey }) => noiseKey === other.noiseKey));
}

describe('Looking around', { concurrency: 3 }, () => {
  test('Eight nodes that start at once all find each other, ten times out of ten', async () => {
    for (let trial = 0; trial < 10; trial += 1) {
      await using dht = await PrivateDht.open();
      const names = Array.from({ length: 8 }, (_, at) => `n${at}`);
      const nodes = await Promise.all(names.map((name) => dht.start(name)));
      const lookers = nodes.map(looking);

      await eventually({ what: `everybody to know everybody in trial ${trial}` }, () =>
        nodes.every((node) => knows(node, nodes)),
      );

      await Promise.all(lookers.map((each) => each[Symbol.asyncDispose]()));
    }
  });

  test('A node that comes when the bootstrap node is gone finds the others through a stable node', async () => {
    await using dht = await PrivateDht.open();
    const stable = await Promise.all(['s1', 's2', 's3'].map((name) => dht.start(name)));
    await Promise.all(stable.map(({ transport }) => transport.refresh()));
    await dht.stopBootstrap();

    const bootstrap = [...dht.bootstrap, ...stable.map(({ udpAddress }) => udpAddress)];
    const late = await dht.start('late', { bootstrap });
    await using _looker = looking(late);

    await eventually({ what: 'the others' }, () => knows(late, stable));
  });

  test('Thirty nodes are all reached by key, though one look at the topic shows only some', async () => {
    await using dht = await PrivateDht.open();
    const [first, ...others] = await Promise.all(Array.from({ length: 30 }, (_, at) => dht.start(`n${at}`)));
    assert.ok(first !== undefined);
    await Promise.all([first, ...others].map(({ transport }) => transport.refresh()));

    for (const { nodeId, noiseKey, transport } of others) {
      // Where a key is kept moves while thirty nodes join at once, and on a busy machine packets are lost: as in a fleet, who dials
      // tries again, and who is to be found says again where it is.
      const reached: string = await eventually({ what: `a way to ${nodeId}` }, async () => {
        try {
          const opened = await first.transport.dial({ nodeId, noiseKey }, signal);
          return opened.nodeId;
        } catch (error) {
          await transport.refresh();
          throw error;
        }
      });
      assert.equal(reached, nodeId);
    }
  });
});
