// Hosts on one machine: Linux network namespaces, each with its own localhost, joined by a bridge that lives in a
// namespace of its own, so that the machine's own network is never touched.
//
//   shoal-<pid>-<n>-h1 [lo, eth0 10.77.0.1] --veth-- h1 [shoal-<pid>-<n>-sw: br0] h2 --veth-- [eth0 10.77.0.2] ...
//
// Names carry the process id of the test, so that what a crashed run left behind is known as such and removed.

import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { isProcessAlive } from './process-alive.ts';
import { type CommandResult, runCommand, tryCommand } from './run-command.ts';
import { startSocketRelay } from './socket-relay.ts';
import { openTemporaryFolder } from './temporary-folder.ts';

/** What the network looks like. */
export interface NetworkOptions {
  readonly hosts: number;
  /** Limit of each host's link, in each direction on its own; none when absent. The first host is 0. */
  readonly bytesPerSecond?: number | ((hostIndex: number) => number);
}

/** Bytes that crossed a host's link since it was made; loopback is not counted. */
export interface LinkCounters {
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

let networkCount = 0;

/** One host. It lives as long as its network. */
export class NetworkHost {
  /** Name of the network namespace. */
  readonly namespace: string;
  /** Its address as the other hosts see it. */
  readonly address: string;
  readonly #relay: (port: number) => Promise<string>;

  constructor(namespace: string, address: string, relay: (port: number) => Promise<string>) {
    this.namespace = namespace;
    this.address = address;
    this.#relay = relay;
  }

  /** Runs a command on this host. @throws {Error} with its output if it fails. */
  async run(command: readonly string[], options: { timeoutMs?: number; input?: string } = {}): Promise<string> {
    return runCommand(command, { ...options, namespace: this.namespace });
  }

  /** Runs a command on this host and returns what it left, also when it fails. */
  async try(command: readonly string[], options: { timeoutMs?: number; input?: string } = {}): Promise<CommandResult> {
    return tryCommand(command, { ...options, namespace: this.namespace });
  }

  /** @returns a Unix socket that leads to this port of the host's 127.0.0.1, for the test itself, which runs outside. */
  async socketTo(port: number): Promise<string> {
    return this.#relay(port);
  }

  /** Processes on this host now. */
  async processIds(): Promise<number[]> {
    return (await runCommand(['ip', 'netns', 'pids', this.namespace])).split('\n').filter(Boolean).map(Number);
  }

  async counters(): Promise<LinkCounters> {
    const text = await runCommand(['ip', '-n', this.namespace, '-json', '-statistics', 'link', 'show', 'eth0']);
    const [link] = JSON.parse(text) as [{ stats64: { rx: { bytes: number }; tx: { bytes: number } } }];
    return { receivedBytes: link.stats64.rx.bytes, sentBytes: link.stats64.tx.bytes };
  }

  /** Pulls the cable, or plugs it in again. Its localhost goes on working. */
  async setLink(state: 'up' | 'down'): Promise<void> {
    await runCommand(['ip', '-n', this.namespace, 'link', 'set', 'eth0', state]);
  }
}

/** Disposing ends every process on the hosts and removes them. */
export class HostNetwork implements AsyncDisposable {
  readonly hosts: readonly NetworkHost[];
  /** The namespace where all links end; its interface `h1` is the other end of the first host's. */
  readonly switchNamespace: string;
  readonly #resources: ResourceStack;

  private constructor(parts: Pick<HostNetwork, 'hosts' | 'switchNamespace'>, resources: ResourceStack) {
    this.hosts = parts.hosts;
    this.switchNamespace = parts.switchNamespace;
    this.#resources = resources;
  }

  static async open({ hosts: count, bytesPerSecond }: NetworkOptions): Promise<HostNetwork> {
    await removeStaleNamespaces();
    await using building = new ResourceStack();
    const prefix = `shoal-${process.pid}-${(networkCount += 1)}`;
    const bridge = `${prefix}-sw`;
    const sockets = building.use(await openTemporaryFolder('sockets'));
    await addNamespace(bridge, building);
    await runCommand(['ip', '-n', bridge, 'link', 'add', 'br0', 'type', 'bridge']);
    await runCommand(['ip', '-n', bridge, 'link', 'set', 'br0', 'up']);

    const relays = new ResourceStack();
    const hosts: NetworkHost[] = [];
    for (let number = 1; number <= count; number += 1) {
      const namespace = `${prefix}-h${number}`;
      await addNamespace(namespace, building);
      const port = `h${number}`;
      const address = `10.77.${Math.floor(number / 250)}.${number % 250}`;
      await connect({ namespace, bridge, port, address });
      const limit = typeof bytesPerSecond === 'function' ? bytesPerSecond(number - 1) : bytesPerSecond;
      if (limit !== undefined) await limitRate({ namespace, bridge, port, bytesPerSecond: limit });
      hosts.push(new NetworkHost(namespace, address, relayOnce(relays, namespace, `${sockets.path}/h${number}`)));
    }
    building.use(relays);
    return new HostNetwork({ hosts, switchNamespace: bridge }, building.move());
  }

  /** @throws {Error} if there is no such host; the first is 0. */
  host(index: number): NetworkHost {
    const host = this.hosts[index];
    if (host === undefined) throw new Error(`this network has ${this.hosts.length} hosts, none at index ${index}`);
    return host;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

/** Makes a network namespace whose localhost works; with `owner` everything in it ends, and it goes. */
export async function addNamespace(name: string, owner: ResourceStack): Promise<void> {
  await runCommand(['ip', 'netns', 'add', name]);
  owner.defer(async () => removeNamespace(name));
  await runCommand(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
}

interface Link {
  readonly namespace: string;
  readonly bridge: string;
  /** Name of the bridge's end. */
  readonly port: string;
}

async function connect({ namespace, bridge, port, address }: Link & { readonly address: string }): Promise<void> {
  const peer = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace];
  await runCommand(['ip', '-n', bridge, 'link', 'add', port, ...peer]);
  await runCommand(['ip', '-n', bridge, 'link', 'set', port, 'master', 'br0', 'up']);
  await runCommand(['ip', '-n', namespace, 'address', 'add', `${address}/16`, 'dev', 'eth0']);
  await runCommand(['ip', '-n', namespace, 'link', 'set', 'eth0', 'up']);
}

/** A queue on both ends: the host's own end limits what it sends, the bridge's end what it receives. */
async function limitRate({
  namespace,
  bridge,
  port,
  bytesPerSecond,
}: Link & { bytesPerSecond: number }): Promise<void> {
  const burst = Math.max(256 * 1024, Math.round(bytesPerSecond / 100));
  const shape = ['root', 'tbf', 'rate', `${bytesPerSecond * 8}bit`, 'burst', `${burst}b`, 'latency', '100ms'];
  await runCommand(['tc', '-n', namespace, 'qdisc', 'add', 'dev', 'eth0', ...shape]);
  await runCommand(['tc', '-n', bridge, 'qdisc', 'add', 'dev', port, ...shape]);
}

/** One relay per port of a namespace, started when it is first asked for. */
export function relayOnce(
  owner: ResourceStack,
  namespace: string,
  socketPrefix: string,
): (port: number) => Promise<string> {
  const started = new Map<number, Promise<string>>();
  const start = async (port: number): Promise<string> => {
    const path = `${socketPrefix}-${port}`;
    owner.use(await startSocketRelay({ namespace, path, port }));
    return path;
  };
  return async (port) => {
    const path = started.get(port) ?? start(port);
    started.set(port, path);
    return path;
  };
}

async function removeNamespace(name: string): Promise<void> {
  for (const pid of (await runCommand(['ip', 'netns', 'pids', name])).split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // it ended by itself meanwhile
    }
  }
  await runCommand(['ip', 'netns', 'delete', name]);
}

async function removeStaleNamespaces(): Promise<void> {
  const list = await runCommand(['ip', 'netns', 'list']);
  for (const line of list.split('\n')) {
    const match = /^(shoal-(\d+)-\d+-\w+)/.exec(line);
    if (match?.[1] !== undefined && !isProcessAlive(Number(match[2]))) await removeNamespace(match[1]);
  }
}
