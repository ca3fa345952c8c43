// A coordinator that everybody can reach, with hyperswarm on, and nodes on hosts of a network with NATs.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../shared/oci/digest.ts';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import type { NetworkHost } from './host-network.ts';
import { NatNetwork, type NatKind } from './nat-network.ts';
import { RegistryClient } from './registry-client.ts';
import { seededBytes } from './seeded-bytes.ts';
import { ShoalProgram, shoalCommand } from './shoal-program.ts';
import { openTemporaryFolder } from './temporary-folder.ts';

const COORDINATOR_PORT = 5100;
const REGISTRY_PORT = 5000;
/** Where tests of this fleet keep their blobs. */
export const REPOSITORY = 'nat/app';

/** A node of the fleet. */
export interface NatNode {
  readonly host: NetworkHost;
  readonly program: ShoalProgram;
  readonly registry: RegistryClient;
  readonly folder: string;
}

export interface NatNodeOptions {
  readonly isOrigin?: boolean;
  readonly args?: readonly string[];
  readonly swarmPort?: number;
}

/** Disposing stops every process and removes hosts and folders. */
export class NatFleet implements AsyncDisposable {
  readonly network: NatNetwork;
  readonly coordinator: ShoalProgram;
  readonly folder: string;
  readonly #resources: ResourceStack;
  #count = 0;

  private constructor(parts: Pick<NatFleet, 'network' | 'coordinator' | 'folder'>, resources: ResourceStack) {
    this.network = parts.network;
    this.coordinator = parts.coordinator;
    this.folder = parts.folder;
    this.#resources = resources;
  }

  /** The coordinator runs on the first outside host. */
  static async open(options: {
    readonly outside: number;
    readonly nats: readonly NatKind[];
    readonly coordinatorArgs?: readonly string[];
  }): Promise<NatFleet> {
    await using building = new ResourceStack();
    const { path: folder } = building.use(await openTemporaryFolder('nat-fleet'));
    const network = building.use(await NatNetwork.open(options));
    const [host] = network.outside;
    if (host === undefined) throw new Error('the coordinator needs an outside host');
    const coordinator = building.use(
      await ShoalProgram.start({
        args: [
          'coordinator',
          `--data=${join(folder, 'coordinator')}`,
          `--listen=0.0.0.0:${COORDINATOR_PORT}`,
          '--hyperswarm',
          ...(options.coordinatorArgs ?? []),
        ],
        logFile: join(folder, 'coordinator.log'),
        host,
        http: { port: COORDINATOR_PORT, tls: true },
      }),
    );
    return new NatFleet({ network, coordinator, folder }, building.move());
  }

  /** Starts a node that joins the fleet; returns once it is ready. */
  async start(host: NetworkHost, options: NatNodeOptions = {}): Promise<NatNode> {
    const [first] = this.network.outside;
    if (first === undefined) throw new Error('the coordinator needs an outside host');
    const { swarmPort = 5110 } = options;
    const folder = join(this.folder, `node-${(this.#count += 1)}`);
    await mkdir(folder, { recursive: true });
    const data = join(this.folder, 'coordinator');
    const token = (await first.run(shoalCommand(['token', 'create', '--data', data]))).trim();
    const program = await ShoalProgram.start({
      args: [
        'node',
        `--data=${join(folder, 'data')}`,
        `--coordinator=${first.address}:${COORDINATOR_PORT}`,
        `--join=${token}`,
        `--http=127.0.0.1:${REGISTRY_PORT}`,
        `--swarm=0.0.0.0:${swarmPort}`,
        `--advertise=${host.address}:${swarmPort}`,
        ...(options.isOrigin === true ? ['--origin'] : []),
        ...(options.args ?? []),
      ],
      logFile: join(folder, 'node.log'),
      host,
      http: { port: REGISTRY_PORT },
      ...(process.env['SHOAL_TEST_KEEP'] === undefined ? {} : { env: { SHOAL_LOG_LEVEL: 'debug' } }),
    });
    this.#resources.use(program);
    return { host, program, registry: new RegistryClient(program.target), folder };
  }

  /** Starts a node again that has ended, with further arguments, which win; returns once it is ready. */
  async again(node: NatNode, args: readonly string[]): Promise<NatNode> {
    const program = await ShoalProgram.start({
      args: [
        'node',
        `--data=${join(node.folder, 'data')}`,
        `--http=127.0.0.1:${REGISTRY_PORT}`,
        '--swarm=0.0.0.0:5110',
        ...args,
      ],
      logFile: join(node.folder, 'node-again.log'),
      host: node.host,
      http: { port: REGISTRY_PORT },
    });
    this.#resources.use(program);
    return { ...node, program, registry: new RegistryClient(program.target) };
  }

  /** `shoal status --json` on the coordinator's host. */
  async status(): Promise<{ readonly nodes: ReadonlyArray<{ readonly nodeId: string; readonly links?: NatLinks }> }> {
    const [first] = this.network.outside;
    const data = join(this.folder, 'coordinator');
    const text = await first?.run(shoalCommand(['status', '--json', '--data', data]));
    return JSON.parse(text ?? '') as { nodes: Array<{ nodeId: string; links?: NatLinks }> };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

/** Pushes bytes that follow from `seed`. @returns their digest. */
export async function pushSeeded(node: NatNode, seed: string, sizeMib: number): Promise<string> {
  const bytes = Buffer.concat([...seededBytes(seed, sizeMib * 1024 * 1024)]);
  const digest = digestOf(bytes);
  const blob = { digest, size: bytes.byteLength, mediaType: 'application/octet-stream' };
  await node.registry.pushBlob(REPOSITORY, blob, bytes);
  return digest;
}

/** Pulls a blob on the host itself. @returns the digest of what came. */
export async function pullSum(node: NatNode, digest: string, seconds = 90): Promise<string> {
  const url = `http://127.0.0.1:${REGISTRY_PORT}/v2/${REPOSITORY}/blobs/${digest}`;
  const command = ['sh', '-c', `curl -fsS --max-time ${seconds} ${url} | sha256sum`];
  return `sha256:${(await node.host.run(command, { timeoutMs: (seconds + 10) * 1000 })).split(' ')[0]}`;
}

/** Payload that a node got from peers over one transport. */
export function receivedBytes(node: NatNode, transport: 'tls' | 'hyperswarm'): Promise<number> {
  return node.program.metric('shoal_swarm_received_bytes_total', { transport });
}

interface NatLinks {
  readonly tls: number;
  readonly hyperswarm: number;
  readonly hyperswarmState: string;
}
