// The coordinator's part in hyperswarm: four nodes of the fleet's own DHT, which are always there, and the relay. Nothing of it
// speaks with any network but the fleet's.
//
//   rendezvous.listen      DHT node, bootstrap of all the others
//   + 1, + 2, + 3          DHT nodes: a host learns how its NAT maps ports by what three or more of them see
//   + 4                    the relay

import { networkInterfaces } from 'node:os';
import type HyperDHT from 'hyperdht';
import { loadHyperswarm, type HyperswarmPackages } from '../../shared/hyperswarm/load-packages.ts';
import { noiseKeyText } from '../../shared/hyperswarm/noise-key.ts';
import { destroyInTime, openBootstrapNode, openPrivateDht } from '../../shared/hyperswarm/private-dht.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { parseHostPort } from '../../shared/runtime/host-port.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import type { CoordinatorConfig } from '../config.ts';
import type { Authority } from '../identity/authority.ts';
import { Relay } from './relay.ts';
import { RendezvousDesk } from './rendezvous-desk.ts';

/** DHT nodes of the coordinator, on ports in a row. */
const DHT_NODES = 4;

export interface RendezvousPointDeps {
  readonly authority: Pick<Authority, 'deriveSecret'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Disposing ends the DHT nodes and the relay, within seconds also when nobody answers. */
export class RendezvousPoint implements AsyncDisposable {
  readonly desk: RendezvousDesk;
  readonly #relay: Relay | undefined;
  readonly #resources: ResourceStack;

  private constructor(desk: RendezvousDesk, relay: Relay | undefined, resources: ResourceStack) {
    this.desk = desk;
    this.#relay = relay;
    this.#resources = resources;
  }

  /**
   * @returns undefined when it is off, or when the packages cannot load on this host, which is logged.
   * @throws {AppError} `config_invalid` when it cannot listen or has no IPv4 address.
   */
  static async open(config: CoordinatorConfig, deps: RendezvousPointDeps): Promise<RendezvousPoint | undefined> {
    const opened: { point?: RendezvousPoint } = {};
    const pairs = { name: 'shoal_rendezvous_relayed_pairs', help: 'Pairs of nodes that the relay joins.' };
    deps.metrics.gaugeOf(pairs, () => opened.point?.relayedPairs ?? 0);
    if (!config.hyperswarm) return undefined;
    const log = deps.log.child({ part: 'hyperswarm' });
    const loaded = await loadHyperswarm();
    if (loaded.type === 'unavailable') {
      log.warn({ reason: loaded.reason }, 'hyperswarm is on but cannot load on this host; the fleet goes on with TLS');
      return undefined;
    }
    opened.point = await RendezvousPoint.#open(config, { ...deps, log }, loaded.packages);
    return opened.point;
  }

  static async #open(
    config: CoordinatorConfig,
    deps: RendezvousPointDeps,
    packages: HyperswarmPackages,
  ): Promise<RendezvousPoint> {
    const { clock, log, authority } = deps;
    await using opening = new ResourceStack();
    const { host: bindHost, port: firstPort } = parseHostPort(config.rendezvous.listen);
    const host = config.rendezvous.advertise ?? (bindHost === '0.0.0.0' ? firstAddress() : bindHost);
    const bootstrap = Array.from({ length: DHT_NODES }, (_, index) => `${host}:${firstPort + index}`);
    const dhtOptions = { bootstrap: bootstrap.slice(0, 1), host: bindHost, firewalled: false, ephemeral: false };
    const openNode = (port: number): Promise<HyperDHT> =>
      listening(openPrivateDht(packages, { ...dhtOptions, port }), port, { opening, clock });
    await listening(openBootstrapNode(packages, { port: firstPort, host, bindHost }), firstPort, { opening, clock });
    for (let index = 1; index < DHT_NODES; index += 1) await openNode(firstPort + index);

    const { relayBytesPerSecond: bytesPerSecond, relayConnections: maxPairs } = config.rendezvous;
    const keyPair = packages.HyperDHT.keyPair(authority.deriveSecret('hyperswarm relay key'));
    const relayPort = firstPort + DHT_NODES;
    const place = { noiseKey: noiseKeyText(keyPair.publicKey), address: `${host}:${relayPort}`, bytesPerSecond };
    const desk = new RendezvousDesk({
      bootstrap,
      topic: authority.deriveSecret('hyperswarm topic').toString('hex'),
      ...(config.rendezvous.relay ? { relay: place } : {}),
    });
    let relay: Relay | undefined;
    if (config.rendezvous.relay) {
      const dht = await openNode(relayPort);
      const isMember = (noiseKey: string): boolean => desk.isMember(noiseKey);
      relay = opening.use(
        await Relay.open({ packages, dht, clock, log, isMember }, { keyPair, bytesPerSecond, maxPairs }),
      );
    }
    log.info({ address: bootstrap[0], relay: relay !== undefined }, 'hyperswarm is on');
    return new RendezvousPoint(desk, relay, opening.move());
  }

  /** Pairs of nodes that the relay joins now. */
  get relayedPairs(): number {
    return this.#relay?.pairCount ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

/** Takes ownership of a DHT node and waits until it listens. @throws {AppError} `config_invalid` */
async function listening(
  dht: HyperDHT,
  port: number,
  owner: { readonly opening: ResourceStack; readonly clock: Clock },
): Promise<HyperDHT> {
  owner.opening.defer(() => destroyInTime(dht, owner.clock));
  try {
    await dht.bind();
    await dht.fullyBootstrapped();
    return dht;
  } catch (cause) {
    throw new AppError(
      'config_invalid',
      `cannot use UDP port ${port}: another program has it, or this host lacks the address; choose others with --rendezvous-listen`,
      { cause },
    );
  }
}

/** The first IPv4 address of this host that others may reach. @throws {AppError} `config_invalid` */
function firstAddress(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { address, family, internal } of addresses ?? []) if (!internal && family === 'IPv4') return address;
  }
  return '127.0.0.1';
}
