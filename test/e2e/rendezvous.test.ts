// The fleet's own DHT, as whole programs on hosts of their own: without the coordinator nodes find each other, no packet leaves
// the network of the fleet, and a cut that nobody noticed is overcome.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { NatFleet, pullSum, pushSeeded, receivedBytes, REPOSITORY, type NatNode } from '../support/nat-fleet.ts';
import type { NetworkHost } from '../support/host-network.ts';
import { needs } from '../support/needs.ts';

const MIB = 1024 * 1024;

describe(
  'A fleet with hyperswarm',
  needs({ namespaces: true, commands: ['iptables', 'curl', 'sha256sum', 'sysctl'] }),
  () => {
    test('finds a node at its new address while the coordinator is away, and no packet leaves its network', async () => {
      await using fleet = await NatFleet.open({ outside: 4, nats: [] });
      const [, one, other, third] = fleet.network.outside;
      assert.ok(one !== undefined && other !== undefined && third !== undefined);
      const hosts = fleet.network.outside;
      for (const host of hosts) await countForeignPackets(host);
      const stable = await fleet.start(third, { args: ['--udp-reachable=yes'] });
      const holder = await fleet.start(one, { isOrigin: true });
      const puller = await fleet.start(other, { args: ['--udp-reachable=yes'] });
      const first = await pushSeeded(holder, 'known', 4);
      const second = await pushSeeded(holder, 'later', 4);
      assert.equal(await pullSum(puller, first), first);
      assert.equal(await hasLeave(puller, second), 200);
      await eventually({ what: 'the way in through the stable node' }, async () =>
        (await puller.host.run(['cat', `${puller.folder}/data/known/rendezvous.json`])).includes(third.address),
      );
      await Promise.all([puller.program.kill('SIGTERM'), holder.program.kill('SIGTERM')]);
      await fleet.coordinator.kill('SIGKILL');

      await move(one, '10.77.9.9');
      const moved = await fleet.again(holder, ['--advertise=10.77.9.9:5110']);
      await puller.program.restart();

      assert.equal(await pullSum(puller, second), second);
      for (const host of hosts) assert.equal(await foreignPackets(host), 0);
      assert.ok(moved.program.pid > 0 && stable.program.pid > 0);
    });

    test('overcomes a cut that drops packets without a word, and the blob is whole', async () => {
      await using fleet = await NatFleet.open({
        outside: 1,
        nats: ['cone', 'cone'],
        coordinatorArgs: ['--no-rendezvous-relay'],
      });
      const [one, other] = fleet.network.inside;
      assert.ok(one !== undefined && other !== undefined);
      const slowly = ['--udp-reachable=measure', '--udp-bytes-per-second=1000000'];
      const holder = await fleet.start(one, { isOrigin: true, args: slowly });
      const puller = await fleet.start(other);
      const digest = await pushSeeded(holder, 'cut', 24);
      const pulling = pullSum(puller, digest, 240);
      await eventually({ what: 'the first pieces' }, async () => (await receivedBytes(puller, 'hyperswarm')) > MIB);

      // Nothing says so: both ends have to find out by silence.
      await other.run(['iptables', '-I', 'INPUT', '!', '-i', 'lo', '-p', 'udp', '-j', 'DROP']);
      await other.run(['iptables', '-I', 'OUTPUT', '!', '-o', 'lo', '-p', 'udp', '-j', 'DROP']);
      await eventually({ what: 'both ends to notice', timeoutMs: 90_000 }, async () => {
        const open = await Promise.all(
          [holder, puller].map(({ program }) => program.metric('shoal_swarm_hyperswarm_peers')),
        );
        return open.every((count) => count === 0);
      });
      await other.run(['iptables', '-F']);

      assert.equal(await pulling, digest);
    });
  },
);

async function countForeignPackets(host: NetworkHost): Promise<void> {
  // With a way out there is something to be seen; nobody answers there.
  await host.run(['ip', 'route', 'add', 'default', 'via', '10.77.200.200']);
  for (const net of ['127.0.0.0/8', '10.77.0.0/16', '224.0.0.0/4']) {
    await host.run(['iptables', '-A', 'OUTPUT', '-d', net, '-j', 'ACCEPT']);
  }
  await host.run(['iptables', '-A', 'OUTPUT', '-j', 'DROP']);
}

async function foreignPackets(host: NetworkHost): Promise<number> {
  const rules = await host.run(['iptables', '-nvxL', 'OUTPUT']);
  const drop = rules.split('\n').find((line) => line.includes(' DROP '));
  return Number(drop?.trim().split(/\s+/)[0]);
}

async function move(host: NetworkHost, address: string): Promise<void> {
  await host.run(['ip', 'address', 'flush', 'dev', 'eth0']);
  await host.run(['ip', 'address', 'add', `${address}/16`, 'dev', 'eth0']);
}

async function hasLeave(node: NatNode, digest: string): Promise<number> {
  const { status } = await node.registry.request({ method: 'HEAD', path: `/v2/${REPOSITORY}/blobs/${digest}` });
  return status;
}
