import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type HyperDHT from 'hyperdht';
import { Relay, type RelayOptions } from '../../../coordinator/hyperswarm/relay.ts';
import { noiseKeyText } from '../../../shared/hyperswarm/noise-key.ts';
import { destroyInTime, openPrivateDht } from '../../../shared/hyperswarm/private-dht.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { ResourceStack } from '../../../shared/runtime/resource-stack.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { findFreeUdpPorts } from '../../support/free-ports.ts';
import { PrivateDht } from '../../support/private-dht.ts';

describe('The relay', { concurrency: 3 }, () => {
  test('hangs up on a member that names no other half in time', async () => {
    await using fixture = await openRelay();
    const client = fixture.dial();
    await eventually({ what: 'the client' }, () => fixture.relay.clientCount === 1);

    await fixture.clock.advance(9_999);
    assert.equal(fixture.relay.clientCount, 1);
    await fixture.clock.advance(1);

    await eventually({ what: 'the end' }, () => client.destroyed && fixture.relay.clientCount === 0);
  });

  test('does not answer who is no member', async () => {
    await using fixture = await openRelay();
    fixture.members.clear();

    const client = fixture.dial();

    await eventually({ what: 'the dial to fail' }, () => client.destroyed);
    assert.equal(fixture.relay.clientCount, 0);
  });

  test('hangs up on a member that was removed', async () => {
    await using fixture = await openRelay();
    const client = fixture.dial();
    await eventually({ what: 'the client' }, () => fixture.relay.clientCount === 1);

    fixture.members.clear();
    await fixture.clock.advance(1000);

    await eventually({ what: 'the end' }, () => client.destroyed);
  });

  test('answers no more than its pairs', async () => {
    await using fixture = await openRelay({ maxPairs: 2 });
    const clients = Array.from({ length: 10 }, () => fixture.dial());

    await eventually({ what: 'the others to fail' }, () => clients.filter(({ destroyed }) => destroyed).length >= 6);

    assert.ok(fixture.relay.clientCount <= 4);
  });
});

async function openRelay(options: Partial<RelayOptions> = {}) {
  await using opening = new ResourceStack();
  const dht = opening.use(await PrivateDht.open());
  const { packages } = dht;
  const open = async (): Promise<HyperDHT> => {
    const [port = 0] = await findFreeUdpPorts(1);
    const node = openPrivateDht(packages, {
      bootstrap: dht.bootstrap,
      port,
      host: '127.0.0.1',
      firewalled: false,
      ephemeral: false,
    });
    opening.defer(() => destroyInTime(node, systemClock));
    await node.fullyBootstrapped();
    return node;
  };
  const clock = new FakeClock();
  const keyPair = packages.HyperDHT.keyPair();
  const [server, client] = [await open(), await open()];
  const members = new Set([noiseKeyText(client.defaultKeyPair.publicKey)]);
  const relay = opening.use(
    await Relay.open(
      { packages, dht: server, clock, log: silentLogger, isMember: (key) => members.has(key) },
      { keyPair, maxPairs: 8, bytesPerSecond: 1_000_000, ...options },
    ),
  );
  const resources = opening.move();
  return {
    relay,
    clock,
    members,
    dial: () => {
      const socket = client.connect(keyPair.publicKey);
      socket.on('error', () => undefined);
      return socket;
    },
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  };
}
