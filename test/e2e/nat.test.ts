// Nodes behind routers that masquerade, as whole programs on hosts of their own.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { NatFleet, pullSum, pushSeeded, receivedBytes, type NatNode } from '../support/nat-fleet.ts';
import type { NatKind } from '../support/nat-network.ts';
import { needs } from '../support/needs.ts';

const MIB = 1024 * 1024;

describe('Behind NATs', needs({ namespaces: true, commands: ['iptables', 'curl', 'sha256sum', 'sysctl'] }), () => {
  test('two nodes behind two routers exchange a blob through holes in both', async () => {
    await using fleet = await openFleet(['cone', 'cone'], ['--no-rendezvous-relay']);
    const { pusher, puller } = await twoInside(fleet);

    await exchangeBlob(pusher, puller);

    assert.ok((await receivedBytes(puller, 'hyperswarm')) >= 8 * MIB);
    assert.equal(await receivedBytes(puller, 'tls'), 0);
    await eventually({ what: 'status to show the connection' }, async () => {
      const { nodes } = await fleet.status();
      return nodes.every(({ links }) => links?.hyperswarmState === 'on' && links.hyperswarm === 1 && links.tls === 0);
    });
  });

  test('two nodes whose routers change ports at random exchange a blob through the relay', async () => {
    await using fleet = await openFleet(['symmetric', 'symmetric']);
    const { pusher, puller } = await twoInside(fleet);

    await exchangeBlob(pusher, puller);

    assert.ok((await receivedBytes(puller, 'hyperswarm')) >= 8 * MIB);
    assert.equal(await fleet.coordinator.metric('shoal_rendezvous_relayed_pairs'), 1);
  });

  test('a node that can be dialled and one that cannot exchange a blob over TLS', async () => {
    await using fleet = await openFleet(['cone'], [], 2);
    const [, outside] = fleet.network.outside;
    const [inside] = fleet.network.inside;
    assert.ok(outside !== undefined && inside !== undefined);
    const pusher = await fleet.start(inside, { isOrigin: true, args: ['--udp-reachable=measure'] });
    const puller = await fleet.start(outside, { args: ['--udp-reachable=yes'] });

    await exchangeBlob(pusher, puller);

    await eventually({ what: 'TLS in place of the first connection' }, async () => {
      const { nodes } = await fleet.status();
      return nodes.every(({ links }) => links?.tls === 1 && links.hyperswarm === 0);
    });
    const digest = await pushSeeded(pusher, 'later', 8);
    assert.equal(await pullSum(puller, digest), digest);
    assert.ok((await receivedBytes(puller, 'tls')) >= 8 * MIB);
  });
});

function openFleet(nats: readonly NatKind[], coordinatorArgs: readonly string[] = [], outside = 1): Promise<NatFleet> {
  return NatFleet.open({ outside, nats, coordinatorArgs });
}

async function twoInside(fleet: NatFleet): Promise<{ pusher: NatNode; puller: NatNode }> {
  const [one, other] = fleet.network.inside;
  assert.ok(one !== undefined && other !== undefined);
  const pusher = await fleet.start(one, { isOrigin: true, args: ['--udp-reachable=measure'] });
  return { pusher, puller: await fleet.start(other) };
}

async function exchangeBlob(pusher: NatNode, puller: NatNode): Promise<void> {
  const digest = await pushSeeded(pusher, 'nat', 8);
  assert.equal(await pullSum(puller, digest), digest);
}
