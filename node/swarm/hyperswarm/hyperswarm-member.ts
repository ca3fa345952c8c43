// This node's part in hyperswarm, from its start to its stop: asks the coordinator whether it is on and where the DHT is, remembers
// that for the time when the coordinator is away, loads the packages only then, and attaches the transport.

import { loadHyperswarm, type HyperswarmPackages } from '../../../shared/hyperswarm/load-packages.ts';
import { noiseKeyText, openNoiseKey } from '../../../shared/hyperswarm/noise-key.ts';
import type { TlsMaterial } from '../../../shared/identity/tls-material.ts';
import type { CoordinatorLink, Params } from '../../../shared/protocol/coordinator-methods.ts';
import type { Rendezvous } from '../../../shared/protocol/rendezvous.ts';
import type { Clock } from '../../../shared/runtime/clock.ts';
import type { Logger } from '../../../shared/runtime/log.ts';
import { ResourceStack } from '../../../shared/runtime/resource-stack.ts';
import type { RendezvousMemory } from '../../content/peer-memory.ts';
import type { KnownPeers } from '../known-peers.ts';
import type { PeerTransports } from '../peer-transports.ts';
import { HyperswarmTransport, type HyperswarmTransportOptions } from './hyperswarm-transport.ts';
import { LookAround } from './look-around.ts';

/** Whether this node can use hyperswarm, as `shoal status` shows it. */
export type HyperswarmState = 'off' | 'on' | 'unavailable';

export interface HyperswarmMemberDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly link: CoordinatorLink;
  readonly memory: RendezvousMemory;
  readonly transports: Pick<PeerTransports, 'attach'>;
  readonly tls: () => TlsMaterial;
  /** Loads the packages; given where a test wants them to be missing. */
  readonly load?: typeof loadHyperswarm;
}

export interface HyperswarmMemberOptions extends Omit<HyperswarmTransportOptions, 'rendezvous'> {
  /** `host:port` where others may dial us over TLS. */
  readonly address: string;
  /** The file with the seed of this node's key. */
  readonly seedPath: string;
}

/** Make it before the swarm and start it after: it then closes after the swarm said goodbye to its peers. */
export class HyperswarmMember implements AsyncDisposable {
  readonly #deps: HyperswarmMemberDeps;
  readonly #options: HyperswarmMemberOptions;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  #known: KnownPeers | undefined;
  #state: HyperswarmState = 'off';
  #rendezvous: Rendezvous | undefined;
  #transport: HyperswarmTransport | undefined;
  #open = new ResourceStack();
  #noiseKey: string | undefined;
  #toldAddress: string | undefined;
  /** Changes are made one after the other. */
  #work: Promise<void> = Promise.resolve();
  #stopListening: () => void = () => undefined;

  constructor(deps: HyperswarmMemberDeps, options: HyperswarmMemberOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#log = deps.log.child({ part: 'swarm', transport: 'hyperswarm' });
  }

  get state(): HyperswarmState {
    return this.#state;
  }

  /** Goes on with what was known at the last stop, then with what the coordinator says. Waits for nobody. */
  async start(known: KnownPeers): Promise<void> {
    this.#known = known;
    const { link, memory } = this.#deps;
    const kept = await memory.load();
    if (kept !== undefined) this.#queue(() => this.#use(kept));
    this.#stopListening = link.listen({
      onConnected: () => this.#queue(() => this.#join()),
      onEvent: (event) => {
        if (event.type === 'hyperswarm.bootstrap') this.#queue(() => this.#remember(event.bootstrap));
      },
    });
    if (link.isConnected) this.#queue(() => this.#join());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening();
    this.#stopping.abort();
    await this.#work;
    await this.#close();
  }

  #queue(act: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (this.#stopping.signal.aborted) return;
      try {
        await act();
      } catch (err) {
        if (!this.#stopping.signal.aborted) this.#log.warn({ err }, 'hyperswarm could not be used; going on with TLS');
      }
    });
  }

  /** Asks first and loads the packages only when there is a use for them. */
  async #join(): Promise<void> {
    const rendezvous = await this.#ask({});
    await this.#use(rendezvous);
    await this.#deps.memory.save(rendezvous);
    this.#toldAddress = undefined;
    await this.#tell();
  }

  async #ask(params: Params<'hyperswarm.join'>): Promise<Rendezvous | undefined> {
    return (await this.#deps.link.call('hyperswarm.join', params, this.#stopping.signal)).rendezvous;
  }

  /** Says by which key this node is found, and where it serves the DHT once that is known. */
  async #tell(): Promise<void> {
    const noiseKey = this.#noiseKey;
    const udpAddress = this.#transport?.stableAddress;
    const told = `${noiseKey} ${udpAddress}`;
    if (noiseKey === undefined || told === this.#toldAddress || !this.#deps.link.isConnected) return;
    await this.#ask(udpAddress === undefined ? { noiseKey } : { noiseKey, udpAddress });
    this.#toldAddress = told;
  }

  /** The way into the DHT changed. What runs knows DHT nodes enough; it is for the next start. */
  async #remember(bootstrap: readonly string[]): Promise<void> {
    if (this.#rendezvous === undefined) return;
    this.#rendezvous = { ...this.#rendezvous, bootstrap };
    await this.#deps.memory.save(this.#rendezvous);
  }

  async #use(rendezvous: Rendezvous | undefined): Promise<void> {
    const before = this.#rendezvous;
    this.#rendezvous = rendezvous;
    if (this.#transport !== undefined && before !== undefined && rendezvous !== undefined && isSame(before, rendezvous))
      return;
    await this.#close();
    if (rendezvous === undefined) {
      this.#state = 'off';
      return;
    }
    const loaded = await (this.#deps.load ?? loadHyperswarm)();
    if (loaded.type === 'unavailable') {
      if (this.#state !== 'unavailable')
        this.#log.warn(
          { reason: loaded.reason },
          'hyperswarm cannot load on this host; peers are reached over TLS alone',
        );
      this.#state = 'unavailable';
      return;
    }
    await this.#openTransport(loaded.packages, rendezvous);
    this.#state = 'on';
    this.#log.info({ bootstrap: rendezvous.bootstrap }, 'hyperswarm is on');
  }

  async #openTransport(packages: HyperswarmPackages, rendezvous: Rendezvous): Promise<void> {
    const { clock, log, random, link, transports, tls } = this.#deps;
    const known = this.#known;
    if (known === undefined) return;
    const isKnownKey = (noiseKey: string): boolean => known.hasKey(noiseKey);
    const keyPair = await openNoiseKey({ packages, log }, this.#options.seedPath);
    const address = (): string => this.#options.address;
    const transport = await HyperswarmTransport.open(
      {
        packages,
        clock,
        log,
        keyPair,
        tls,
        address,
        isKnownKey,
        onProven: (peer) => known.noteProven(peer),
        onTrouble: () => lookAround.trouble(),
      },
      { ...this.#options, rendezvous },
      (opened) => opened.stream.destroy(),
    );
    this.#open.use(transport);
    this.#transport = transport;
    this.#noiseKey = noiseKeyText(keyPair.publicKey);
    transports.attach(transport);
    const lookAround = this.#open.use(
      LookAround.start({
        clock,
        log: this.#log,
        random,
        link,
        transport,
        isKnownKey,
        onRefreshed: () => this.#queue(() => this.#tell()),
      }),
    );
  }

  async #close(): Promise<void> {
    this.#deps.transports.attach(undefined);
    this.#transport = undefined;
    this.#noiseKey = undefined;
    const open = this.#open;
    this.#open = new ResourceStack();
    await open[Symbol.asyncDispose]();
  }
}

/** The bootstrap list may change without a new start. */
function isSame(one: Rendezvous, other: Rendezvous): boolean {
  return one.topic === other.topic && JSON.stringify(one.relay) === JSON.stringify(other.relay);
}
