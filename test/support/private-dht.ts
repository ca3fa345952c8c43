// A private DHT on loopback and transports that use it, in this process.

import { HyperswarmTransport } from '../../node/swarm/hyperswarm/hyperswarm-transport.ts';
import type {
  HyperswarmTransportDeps,
  HyperswarmTransportOptions,
} from '../../node/swarm/hyperswarm/hyperswarm-transport.ts';
import type { PeerStream } from '../../node/swarm/transport.ts';
import { loadHyperswarm, type HyperswarmPackages } from '../../shared/hyperswarm/load-packages.ts';
import { noiseKeyText } from '../../shared/hyperswarm/noise-key.ts';
import { destroyInTime, openBootstrapNode } from '../../shared/hyperswarm/private-dht.ts';
import type { TlsMaterial } from '../../shared/identity/tls-material.ts';
import { systemClock } from '../../shared/runtime/clock.ts';
import { isAppError } from '../../shared/runtime/errors.ts';
import { silentLogger } from '../../shared/runtime/log.ts';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { makeTestFleet, type TestFleet } from './fleet-identity.ts';
import { findFreeUdpPorts } from './free-ports.ts';

/** The topic of every private DHT of tests; each has bootstrap nodes of its own, so that they never meet. */
const TEST_TOPIC = 'ab'.repeat(32);
const MAX_PORTS_TRIED = 5;

/** A transport, and what it took in. */
export interface TestTransport extends AsyncDisposable {
  readonly nodeId: string;
  readonly noiseKey: string;
  readonly udpAddress: string;
  readonly transport: HyperswarmTransport;
  readonly accepted: PeerStream[];
  /** Keys and nodes that proved themselves. */
  readonly proven: Array<{ readonly nodeId: string; readonly noiseKey: string; readonly address: string | undefined }>;
}

export interface TestTransportOptions extends Partial<HyperswarmTransportOptions> {
  readonly tls?: TlsMaterial;
  readonly clock?: HyperswarmTransportDeps['clock'];
  readonly isKnownKey?: (key: string) => boolean;
  readonly onProven?: HyperswarmTransportDeps['onProven'];
  readonly onTrouble?: () => void;
  readonly bootstrap?: readonly string[];
  /** Where it says that it may be dialled over TLS. */
  readonly address?: string;
  readonly keyPair?: HyperswarmTransportDeps['keyPair'];
}

/** Packages of this machine. @throws {Error} where they cannot load. */
async function hyperswarmPackages(): Promise<HyperswarmPackages> {
  const loaded = await loadHyperswarm();
  if (loaded.type === 'loaded') return loaded.packages;
  throw new Error(`hyperswarm does not load here: ${loaded.reason}`);
}

export class PrivateDht implements AsyncDisposable {
  readonly identity: TestFleet;
  readonly packages: HyperswarmPackages;
  readonly bootstrap: readonly string[];
  readonly #resources: ResourceStack;
  readonly #started: TestTransport[] = [];
  readonly #closeBootstrap: () => Promise<void>;

  private constructor(
    parts: Pick<PrivateDht, 'identity' | 'packages' | 'bootstrap'>,
    resources: ResourceStack,
    closeBootstrap: () => Promise<void>,
  ) {
    this.identity = parts.identity;
    this.packages = parts.packages;
    this.bootstrap = parts.bootstrap;
    this.#resources = resources;
    this.#closeBootstrap = closeBootstrap;
  }

  static async open(): Promise<PrivateDht> {
    const packages = await hyperswarmPackages();
    await using building = new ResourceStack();
    const identity = building.use(await makeTestFleet());
    const [port = 0] = await findFreeUdpPorts(1);
    const node = openBootstrapNode(packages, { port, host: '127.0.0.1', bindHost: '127.0.0.1' });
    const close = (): Promise<void> => destroyInTime(node, systemClock);
    building.defer(close);
    await node.fullyBootstrapped();
    return new PrivateDht({ identity, packages, bootstrap: [`127.0.0.1:${port}`] }, building.move(), close);
  }

  /** Ends the bootstrap node, as when the coordinator stops. */
  async stopBootstrap(): Promise<void> {
    await this.#closeBootstrap();
  }

  /** A member of the fleet with a transport that is reachable, unless `options` say otherwise. */
  async start(nodeId: string, options: TestTransportOptions = {}): Promise<TestTransport> {
    for (let attempt = 1; ; attempt += 1) {
      const [port = 0] = await findFreeUdpPorts(1);
      try {
        return await this.#startAt(port, nodeId, options);
      } catch (error) {
        // Another socket of this machine may take a port between the look and the use.
        if (attempt === MAX_PORTS_TRIED || !isAppError(error, 'config_invalid')) throw error;
      }
    }
  }

  async #startAt(port: number, nodeId: string, options: TestTransportOptions): Promise<TestTransport> {
    const { packages, identity } = this;
    const { keyPair = packages.HyperDHT.keyPair(), tls = identity.nodeTls(nodeId), ...rest } = options;
    const { clock = systemClock, address = '127.0.0.1:5110', isKnownKey = () => false, ...others } = rest;
    const { onProven, onTrouble = () => undefined, bootstrap = this.bootstrap, ...changed } = others;
    const accepted: PeerStream[] = [];
    const proven: TestTransport['proven'] = [];
    const transport = await HyperswarmTransport.open(
      {
        packages,
        clock,
        log: silentLogger,
        keyPair,
        tls: () => tls,
        address: () => address,
        isKnownKey,
        onProven: (peer) => {
          proven.push(peer);
          onProven?.(peer);
        },
        onTrouble,
      },
      {
        fleetId: identity.fleetId,
        listen: `127.0.0.1:${port}`,
        rendezvous: { bootstrap: [...bootstrap], topic: TEST_TOPIC },
        reachable: 'yes',
        bytesPerSecond: 1e9,
        maxConnections: 64,
        ...changed,
      },
      (opened) => accepted.push(opened),
    );
    const started: TestTransport = {
      nodeId,
      noiseKey: noiseKeyText(keyPair.publicKey),
      udpAddress: `127.0.0.1:${port}`,
      transport,
      accepted,
      proven,
      [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
    };
    this.#started.push(started);
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Each waits for the others to hear that it goes.
    await Promise.all(this.#started.map((each) => each[Symbol.asyncDispose]()));
    await this.#resources[Symbol.asyncDispose]();
  }
}
