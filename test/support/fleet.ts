// A fleet as an operator would set it up: one coordinator, an origin, further nodes, each on a host of its own.
// The coordinator stands on the origin's host, so a fleet of three nodes takes three hosts.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { HostNetwork, type NetworkHost } from './host-network.ts';
import { ImageClients } from './image-clients.ts';
import { RegistryClient } from './registry-client.ts';
import { ShoalProgram, shoalCommand } from './shoal-program.ts';
import { openTemporaryFolder } from './temporary-folder.ts';

const coordinatorPort = 5100;
const registryPort = 5000;
const swarmPort = 5110;

/** What differs from fleet to fleet. */
export interface FleetOptions {
  /** How many nodes; the first is the origin. */
  readonly nodes: number;
  /** Limit of each host's link, in each direction on its own; none when absent. */
  readonly bytesPerSecond?: number;
  /** Hosts that run nothing of Shoal's, beside those of the nodes; none when absent. */
  readonly spareHosts?: number;
  readonly coordinatorArgs?: readonly string[];
  /** Told from the spare hosts when they depend on what stands there. */
  readonly nodeArgs?: readonly string[] | ((spareHosts: readonly NetworkHost[]) => readonly string[]);
}

/** One node, its host, and the ways to use it. */
export interface FleetNode {
  readonly host: NetworkHost;
  readonly program: ShoalProgram;
  /** Speaks with the node's registry from outside its host. */
  readonly registry: RegistryClient;
  /** skopeo and podman as that host's user has them. */
  readonly clients: ImageClients;
  /** Of this host alone, for whatever a test wants to keep there. */
  readonly folder: string;
}

/** Disposing stops every process and removes hosts and folders. */
export class Fleet implements AsyncDisposable {
  readonly coordinator: ShoalProgram;
  readonly nodes: readonly FleetNode[];
  /** For what belongs to no host. */
  readonly folder: string;
  readonly spareHosts: readonly NetworkHost[];
  readonly #resources: ResourceStack;

  private constructor(parts: Pick<Fleet, 'coordinator' | 'nodes' | 'folder' | 'spareHosts'>, resources: ResourceStack) {
    this.coordinator = parts.coordinator;
    this.nodes = parts.nodes;
    this.folder = parts.folder;
    this.spareHosts = parts.spareHosts;
    this.#resources = resources;
  }

  /** Returns once every node is ready. */
  static async start(options: FleetOptions): Promise<Fleet> {
    await using building = new ResourceStack();
    const { path: folder } = building.use(await openTemporaryFolder('fleet'));
    const { nodes: nodeCount, spareHosts: spareCount = 0, bytesPerSecond } = options;
    const rate = bytesPerSecond === undefined ? {} : { bytesPerSecond };
    const network = building.use(await HostNetwork.open({ hosts: nodeCount + spareCount, ...rate }));
    const coordinator = building.use(await startCoordinator(network.host(0), folder, options));
    const nodes: FleetNode[] = [];
    const spareHosts = network.hosts.slice(nodeCount);
    const { nodeArgs = [] } = options;
    const args = typeof nodeArgs === 'function' ? nodeArgs(spareHosts) : nodeArgs;
    for (const [index, host] of network.hosts.slice(0, nodeCount).entries()) {
      const token = await createToken(network.host(0), folder);
      const node = await startNode({ host, index, token, coordinator: network.host(0), folder, args });
      building.use(node.program);
      nodes.push(node);
    }
    return new Fleet({ coordinator, nodes, folder, spareHosts }, building.move());
  }

  /** @throws {Error} if there is no such node; the first, 0, is the origin. */
  node(index: number): FleetNode {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`this fleet has ${this.nodes.length} nodes, none at index ${index}`);
    return node;
  }

  /** Takes ownership of something that lives as long as the fleet, for example a docker daemon on one of its hosts. */
  use<T extends AsyncDisposable>(part: T): T {
    return this.#resources.use(part);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

async function startCoordinator(host: NetworkHost, folder: string, options: FleetOptions): Promise<ShoalProgram> {
  const listen = ['--data', join(folder, 'coordinator'), '--listen', `0.0.0.0:${coordinatorPort}`];
  return ShoalProgram.start({
    args: ['coordinator', ...listen, ...(options.coordinatorArgs ?? [])],
    logFile: join(folder, 'coordinator.log'),
    host,
    http: { port: coordinatorPort, tls: true },
  });
}

async function createToken(host: NetworkHost, folder: string): Promise<string> {
  const output = await host.run(shoalCommand(['token', 'create', '--data', join(folder, 'coordinator')]));
  return output.trim();
}

interface NodeStart {
  readonly host: NetworkHost;
  readonly index: number;
  readonly token: string;
  /** The host of the coordinator. */
  readonly coordinator: NetworkHost;
  /** Of the whole fleet. */
  readonly folder: string;
  /** What differs from fleet to fleet. */
  readonly args: readonly string[];
}

async function startNode(start: NodeStart): Promise<FleetNode> {
  const { host, index, token, coordinator, folder } = start;
  const ownFolder = join(folder, `node-${index}`);
  await mkdir(ownFolder, { recursive: true });
  const args = [
    'node',
    `--data=${join(ownFolder, 'data')}`,
    `--coordinator=${coordinator.address}:${coordinatorPort}`,
    `--join=${token}`,
    `--http=127.0.0.1:${registryPort}`,
    `--swarm=0.0.0.0:${swarmPort}`,
    `--advertise=${host.address}:${swarmPort}`,
  ];
  if (index === 0) args.push('--origin');
  const logFile = join(folder, `node-${index}.log`);
  const program = await ShoalProgram.start({
    args: [...args, ...start.args],
    logFile,
    host,
    http: { port: registryPort },
  });
  const registry = new RegistryClient(program.target);
  return { host, program, registry, clients: new ImageClients(host, ownFolder), folder: ownFolder };
}
