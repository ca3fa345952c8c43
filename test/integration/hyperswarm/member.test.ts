import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { HyperswarmMember } from '../../../node/swarm/hyperswarm/hyperswarm-member.ts';
import type { RendezvousMemory } from '../../../node/content/peer-memory.ts';
import type { LoadedHyperswarm } from '../../../shared/hyperswarm/load-packages.ts';
import type { Rendezvous } from '../../../shared/protocol/rendezvous.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { findFreeUdpPorts } from '../../support/free-ports.ts';
import { PrivateDht } from '../../support/private-dht.ts';
import { publish, readAll } from '../../support/pull-blob.ts';
import { runCommand } from '../../support/run-command.ts';
import { SwarmFleet } from '../../support/swarm-fleet.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

const { signal } = new AbortController();
const tsx = import.meta.resolve('tsx');

/** A member whose memory and coordinator are the test's. */
async function member(
  fleet: SwarmFleet,
  options: {
    readonly folder: string;
    readonly offered?: Rendezvous;
    readonly kept?: Rendezvous;
    readonly load?: () => Promise<LoadedHyperswarm>;
  },
) {
  const { folder, offered, kept, load } = options;
  const node = await fleet.start('a');
  const link = new FakeLink({
    'hyperswarm.join': () =>
      offered === undefined ? {} : { rendezvous: { ...offered, bootstrap: [...offered.bootstrap] } },
  });
  link.isConnected = kept === undefined;
  const saved: Array<Rendezvous | undefined> = [];
  const memory: RendezvousMemory = {
    load: async () => kept,
    save: async (rendezvous) => void saved.push(rendezvous),
  };
  const [port = 0] = await findFreeUdpPorts(1);
  const tls = fleet.identity.nodeTls('a');
  const made = new HyperswarmMember(
    {
      clock: systemClock,
      log: silentLogger,
      random: () => 0,
      link,
      memory,
      transports: { attach: () => undefined },
      tls: () => tls,
      ...(load === undefined ? {} : { load }),
    },
    {
      fleetId: fleet.identity.fleetId,
      listen: `127.0.0.1:${port}`,
      address: node.advertised,
      seedPath: join(folder, 'noise-seed'),
      reachable: 'yes',
      bytesPerSecond: 1e9,
      maxConnections: 8,
    },
  );
  await made.start(node.swarm.known);
  return { made, link, saved };
}

test('Nothing is loaded while the coordinator has hyperswarm off', async () => {
  await using folder = await openTemporaryFolder('member');
  await using fleet = await SwarmFleet.open();
  let loads = 0;
  const load = async (): Promise<LoadedHyperswarm> => {
    loads += 1;
    return { type: 'unavailable', reason: 'not asked for' };
  };

  const { made, saved } = await member(fleet, { folder: folder.path, load });
  await using _made = made;
  await eventually({ what: 'the answer to be kept' }, () => saved.length === 1);

  assert.deepEqual([made.state, loads, saved], ['off', 0, [undefined]]);
});

test('A member takes part, tells its key and where it serves, and keeps the way in', async () => {
  await using folder = await openTemporaryFolder('member');
  await using dht = await PrivateDht.open();
  await using fleet = await SwarmFleet.open(dht.identity);
  const offered = { bootstrap: [...dht.bootstrap], topic: 'cd'.repeat(32) };

  const { made, link, saved } = await member(fleet, { folder: folder.path, offered });
  await using _made = made;
  await eventually({ what: 'its address to be told' }, () =>
    link.calls.some(({ params }) => JSON.stringify(params).includes('udpAddress')),
  );
  link.emit({ type: 'hyperswarm.bootstrap', bootstrap: [...offered.bootstrap, '127.0.0.1:9'] });
  await eventually({ what: 'the new list to be kept' }, () => saved.at(-1)?.bootstrap.length === 2);

  assert.equal(made.state, 'on');
});

test('A member that starts while the coordinator is away goes on with what it kept', async () => {
  await using folder = await openTemporaryFolder('member');
  await using dht = await PrivateDht.open();
  await using fleet = await SwarmFleet.open(dht.identity);

  const kept = { bootstrap: [...dht.bootstrap], topic: 'cd'.repeat(32) };
  const { made, link } = await member(fleet, { folder: folder.path, kept });
  await using _made = made;
  await eventually({ what: 'it to be on' }, () => made.state === 'on');

  assert.deepEqual(link.calls, []);
});

test('Where the packages do not load, the node says so and pulls over TLS', async () => {
  await using folder = await openTemporaryFolder('member');
  await using fleet = await SwarmFleet.open();
  const offered = { bootstrap: ['127.0.0.1:9'], topic: 'cd'.repeat(32) };
  const load = async (): Promise<LoadedHyperswarm> => ({ type: 'unavailable', reason: 'no addon for this host' });

  const { made } = await member(fleet, { folder: folder.path, offered, load });
  await using _made = made;
  await eventually({ what: 'it to be known' }, () => made.state === 'unavailable');
  const [holder, puller] = [await fleet.start('holder'), await fleet.start('puller')];
  const blob = publish(fleet, holder, { seed: 'alpine', sizeBytes: 300_000 });

  assert.ok((await readAll(await puller.swarm.open(blob, signal), signal)).equals(blob.bytes));
});

test('A package that cannot load is an answer and no failure', async () => {
  const loader = new URL('../../../shared/hyperswarm/load-packages.ts', import.meta.url).href;
  const script = `import(${JSON.stringify(loader)}).then((m) => m.loadHyperswarm()).then((r) => console.log(JSON.stringify(r)))`;
  const command = [
    process.execPath,
    '--import',
    tsx,
    '--import',
    fileURLToPath(new URL('./no-hyperswarm.mjs', import.meta.url)),
    '--eval',
    script,
  ];

  const output = await runCommand(command);

  assert.deepEqual(JSON.parse(output), { type: 'unavailable', reason: 'No addon for linux-x64-musl' });
});

test('Hyperswarm stops within two seconds when the bootstrap node is gone, and leaves nothing open', async () => {
  const child = fileURLToPath(new URL('./shutdown-child.ts', import.meta.url));
  const output = await runCommand([process.execPath, '--import', tsx, child]);

  // The one bound in time that is promised: a service manager must not wait for a network that is gone.
  assert.ok(Number(output) < 2000, `${output.trim()} ms`);
});
