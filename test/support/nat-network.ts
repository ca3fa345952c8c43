// Hosts behind routers that masquerade, beside hosts that are not: the inside of each router is a network of its own.
//
//   outside hosts ── 10.77.0.0/16 ──┬── router 1 ── 192.168.1.0/24 ── inside host 1
//                                   └── router 2 ── 192.168.2.0/24 ── inside host 2

import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { addNamespace, HostNetwork, NetworkHost, relayOnce } from './host-network.ts';
import { runCommand } from './run-command.ts';
import { openTemporaryFolder } from './temporary-folder.ts';

/** `cone`: a port outside per port inside, the same for everybody. `symmetric`: another one for each other host. */
export type NatKind = 'cone' | 'symmetric';

/** Disposing ends every process on the hosts and removes them. */
export class NatNetwork implements AsyncDisposable {
  /** Hosts that everybody can dial. */
  readonly outside: readonly NetworkHost[];
  /** One behind each router; they can dial outside hosts, and nobody can dial them. */
  readonly inside: readonly NetworkHost[];
  readonly #resources: ResourceStack;

  private constructor(
    parts: { readonly outside: readonly NetworkHost[]; readonly inside: readonly NetworkHost[] },
    resources: ResourceStack,
  ) {
    this.outside = parts.outside;
    this.inside = parts.inside;
    this.#resources = resources;
  }

  static async open(options: { readonly outside: number; readonly nats: readonly NatKind[] }): Promise<NatNetwork> {
    await using building = new ResourceStack();
    const network = building.use(await HostNetwork.open({ hosts: options.outside + options.nats.length }));
    const outside = network.hosts.slice(0, options.outside);
    const sockets = building.use(await openTemporaryFolder('nat-sockets'));
    const inside: NetworkHost[] = [];
    for (const [index, kind] of options.nats.entries()) {
      const router = network.host(options.outside + index);
      inside.push(await addInside(router, { number: index + 1, kind, sockets: sockets.path, building }));
    }
    return new NatNetwork({ outside, inside }, building.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

async function addInside(
  router: NetworkHost,
  options: {
    readonly number: number;
    readonly kind: NatKind;
    readonly sockets: string;
    readonly building: ResourceStack;
  },
): Promise<NetworkHost> {
  const { number, kind, sockets, building } = options;
  const namespace = `${router.namespace}i`;
  const net = `192.168.${number}`;
  await addNamespace(namespace, building);
  const ip = (...args: string[]): Promise<string> => runCommand(['ip', '-n', namespace, ...args]);
  const link = ['link', 'add', 'inside', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace];
  await runCommand(['ip', '-n', router.namespace, ...link]);
  await router.run(['ip', 'address', 'add', `${net}.1/24`, 'dev', 'inside']);
  await router.run(['ip', 'link', 'set', 'inside', 'up']);
  await ip('address', 'add', `${net}.2/24`, 'dev', 'eth0');
  await ip('link', 'set', 'eth0', 'up');
  await ip('route', 'add', 'default', 'via', `${net}.1`);
  await router.run(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  const random = kind === 'symmetric' ? ['--random-fully'] : [];
  const rules = [
    ['-t', 'nat', '-A', 'POSTROUTING', '-o', 'eth0', '-j', 'MASQUERADE', ...random],
    // As routers at home and at sites: what nobody inside asked for is dropped, also towards the router itself.
    ['-P', 'INPUT', 'DROP'],
    ['-A', 'INPUT', '-m', 'conntrack', '--ctstate', 'ESTABLISHED,RELATED', '-j', 'ACCEPT'],
    ['-P', 'FORWARD', 'DROP'],
    ['-A', 'FORWARD', '-i', 'inside', '-j', 'ACCEPT'],
    ['-A', 'FORWARD', '-m', 'conntrack', '--ctstate', 'ESTABLISHED,RELATED', '-j', 'ACCEPT'],
  ];
  for (const rule of rules) await router.run(['iptables', ...rule]);
  const relays = new ResourceStack();
  building.use(relays);
  return new NetworkHost(namespace, `${net}.2`, relayOnce(relays, namespace, `${sockets}/i${number}`));
}
