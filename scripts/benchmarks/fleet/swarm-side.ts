// Shoal as it is run: a coordinator, an origin, and a node on every host, each a process with a localhost of its own.

import { join } from 'node:path';
import pLimit from 'p-limit';
import { ResourceStack } from '../../../shared/runtime/resource-stack.ts';
import { ChildProgram } from '../../../test/support/child-program.ts';
import { root } from '../../setup.mjs';
import { type BenchHost, type BenchHosts, type DistributionSide, REPOSITORY } from './distribution-side.ts';
import { waitUntilReady } from './ready.ts';

const PROGRAM = join(root, 'scripts/shoal');
const COORDINATOR_PORT = 5100;
const REGISTRY_PORT = 5000;
const SWARM_PORT = 5110;
/** Nodes that start at a time: more only slow each other on few cores. */
const STARTS_AT_A_TIME = 4;
const LOCAL_REGISTRY = `http://127.0.0.1:${REGISTRY_PORT}`;

/** Starts everything and waits until every node is ready. @param options.folder gets all that they write. */
export async function startSwarmSide(
  hosts: BenchHosts,
  options: { readonly folder: string },
  signal: AbortSignal,
): Promise<DistributionSide> {
  await using building = new ResourceStack();
  const token = await startCoordinator(building, { host: hosts.control, folder: options.folder }, signal);
  const coordinator = `${hosts.control.network.address}:${COORDINATOR_PORT}`;
  const limit = pLimit(STARTS_AT_A_TIME);
  const start = (host: BenchHost, name: string, flags: readonly string[]): Promise<ChildProgram> =>
    limit(async () => {
      signal.throwIfAborted();
      const joining = [`--coordinator=${coordinator}`, `--join=${token}`];
      const program = await startShoal(building, { host, folder: join(options.folder, name) }, [
        'node',
        ...joining,
        `--http=127.0.0.1:${REGISTRY_PORT}`,
        `--swarm=0.0.0.0:${SWARM_PORT}`,
        `--advertise=${host.network.address}:${SWARM_PORT}`,
        ...flags,
      ]);
      await waitUntilReady({ agent: host.agent, program }, `${LOCAL_REGISTRY}/readyz`, signal);
      return program;
    });
  const { pusher } = hosts;
  const [nodes] = await Promise.all([
    Promise.all(hosts.pullers.map((host, index) => start(host, `node-${index}`, []))),
    start(hosts.source, 'origin', ['--origin']),
    pusher === undefined ? undefined : start(pusher, 'pusher', []),
  ]);
  const programs = building.move();
  return {
    async push(tag, layers, pushSignal) {
      const { agent } = pusher ?? hosts.source;
      await agent.call('push', { registry: LOCAL_REGISTRY, repository: REPOSITORY, tag, layers }, pushSignal);
    },
    registry: LOCAL_REGISTRY,
    kill: (hostIndex) => nodes[hostIndex]?.signal('SIGKILL'),
    [Symbol.asyncDispose]: () => programs[Symbol.asyncDispose](),
  };
}

/** @returns a token for all the nodes. */
async function startCoordinator(
  owner: ResourceStack,
  on: { readonly host: BenchHost; readonly folder: string },
  signal: AbortSignal,
): Promise<string> {
  const { host } = on;
  const folder = join(on.folder, 'coordinator');
  const program = await startShoal(owner, { host, folder }, ['coordinator', `--listen=0.0.0.0:${COORDINATOR_PORT}`]);
  await waitUntilReady({ agent: host.agent, program }, `https://127.0.0.1:${COORDINATOR_PORT}/readyz`, signal);
  const command = [PROGRAM, 'token', 'create', '--uses', '1000', '--data', join(folder, 'data')];
  return (await host.network.run(command)).trim();
}

async function startShoal(
  owner: ResourceStack,
  on: { readonly host: BenchHost; readonly folder: string },
  args: readonly string[],
): Promise<ChildProgram> {
  return owner.use(
    await ChildProgram.start({
      command: [PROGRAM, ...args, `--data=${join(on.folder, 'data')}`],
      namespace: on.host.network.namespace,
      logFile: join(on.folder, 'shoal.log'),
    }),
  );
}
