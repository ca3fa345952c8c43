// Peers over hyperswarm: found by noise key in the fleet's own DHT, through NATs when need be, over UDP. For peers that cannot
// be reached over TCP; it takes six times the processor of TLS.
//
//   dial: find the key ─▶ handshake ─▶ (punch a hole) ─▶ proofs of identity both ways ─▶ peer protocol
//         nothing after RELAY_AFTER_MS: once more, through the coordinator's relay
//
// The package's own dialling, its bans and its discovery of peers are not used: we dial known keys, decide ourselves
// whom to answer, and look around on a schedule of our own (look-around.ts).

import type HyperDHT from 'hyperdht';
import type { HandshakePayload, KeyPair, SecretStream } from 'hyperdht';
import type Hyperswarm from 'hyperswarm';
import type { Discovery, PeerInfo } from 'hyperswarm';
import type { HyperswarmPackages } from '../../../shared/hyperswarm/load-packages.ts';
import { noiseKeyText } from '../../../shared/hyperswarm/noise-key.ts';
import { destroyInTime, openPrivateDht } from '../../../shared/hyperswarm/private-dht.ts';
import type { TlsMaterial } from '../../../shared/identity/tls-material.ts';
import type { Peer } from '../../../shared/protocol/peer-shape.ts';
import type { Rendezvous } from '../../../shared/protocol/rendezvous.ts';
import type { Clock } from '../../../shared/runtime/clock.ts';
import { AppError, isAppError } from '../../../shared/runtime/errors.ts';
import { parseHostPort } from '../../../shared/runtime/host-port.ts';
import { joinSignals } from '../../../shared/runtime/joined-signal.ts';
import type { Logger } from '../../../shared/runtime/log.ts';
import { TokenBucket } from '../caps/token-bucket.ts';
import type { PeerStream } from '../transport.ts';
import { Admission } from './admission.ts';
import { exchangeProofs, type Introduced } from './exchange-proofs.ts';
import type { ProofRole, ProvenPeer } from './identity-proof.ts';
import { SecretStreamDuplex } from './secret-stream-duplex.ts';

/** Finding a key and punching a hole takes 20 to 650 ms where it works; after this the relay is tried, if there is one. */
const RELAY_AFTER_MS = 4000;
/** The whole of a dial, with the try through the relay; then it failed. */
export const HYPERSWARM_DIAL_MS = 12_000;
/** Both ends notice a dead path after three of these. */
const KEEP_ALIVE_MS = 5000;
/** Keys that one look at the topic gives us at most: it is a hint for newcomers, and strangers can put keys there. */
const MAX_KEYS_FOUND = 64;

export interface HyperswarmTransportDeps {
  readonly packages: HyperswarmPackages;
  readonly clock: Clock;
  readonly log: Logger;
  readonly keyPair: KeyPair;
  readonly tls: () => TlsMaterial;
  /** `host:port` where others may dial us over TLS. */
  readonly address: () => string;
  /** True for the key of a member that we heard of, in hex. */
  readonly isKnownKey: (noiseKey: string) => boolean;
  /** A peer proved who it is, and this is its key. */
  readonly onProven: (peer: ProvenPeer & { readonly noiseKey: string }) => void;
  /** A peer could not be reached, or was lost without a word. */
  readonly onTrouble: () => void;
}

export interface HyperswarmTransportOptions {
  readonly fleetId: string;
  /** Own UDP address, `IPv4:port`; others must be able to use the port, so that it is fixed. */
  readonly listen: string;
  readonly rendezvous: Rendezvous;
  /** `yes`: packets reach `listen` from everywhere, and this host serves the DHT. `measured`: the DHT finds out. */
  readonly reachable: 'yes' | 'measured';
  /** What this host sends over UDP streams in a second at most, all of them together. */
  readonly bytesPerSecond: number;
  /** Open connections; further handshakes are not answered. */
  readonly maxConnections: number;
}

export class HyperswarmTransport implements AsyncDisposable {
  readonly name = 'hyperswarm';
  readonly #deps: HyperswarmTransportDeps;
  readonly #options: HyperswarmTransportOptions;
  readonly #log: Logger;
  readonly #dht: HyperDHT;
  readonly #swarm: Hyperswarm;
  readonly #admission: Admission;
  readonly #rate: TokenBucket;
  readonly #relayRate: TokenBucket | undefined;
  readonly #open = new Set<SecretStream>();
  readonly #unproven = new Set<SecretStream>();
  readonly #stopping = new AbortController();
  #discovery: Discovery | undefined;
  #onStream: (opened: PeerStream) => void;

  private constructor(
    deps: HyperswarmTransportDeps,
    options: HyperswarmTransportOptions,
    parts: { readonly dht: HyperDHT; readonly onStream: (opened: PeerStream) => void },
  ) {
    const { clock } = deps;
    const { relay } = options.rendezvous;
    this.#deps = deps;
    this.#options = options;
    this.#log = deps.log.child({ part: 'swarm', transport: this.name });
    this.#onStream = parts.onStream;
    this.#admission = new Admission({ maxConnections: options.maxConnections, relay: () => relay?.noiseKey });
    this.#rate = new TokenBucket(options.bytesPerSecond, clock.nowMs());
    this.#relayRate = relay === undefined ? undefined : new TokenBucket(relay.bytesPerSecond, clock.nowMs());
    this.#dht = parts.dht;
    this.#swarm = new deps.packages.Hyperswarm({
      dht: parts.dht,
      keyPair: deps.keyPair,
      firewall: (key, payload) => !this.#admits(key, payload),
      maxPeers: options.maxConnections,
    });
    this.#swarm.on('connection', (socket: SecretStream) => this.#accept(socket));
    // A ban of the package is for ever, and its list of the banned grows with every stranger.
    this.#swarm.on('ban', (peer: PeerInfo) => this.#forgetBan(peer));
  }

  /**
   * Starts listening and announcing; waits for nobody to answer.
   * @param onStream takes streams from others; must not throw. @throws {AppError} `config_invalid`
   */
  static async open(
    deps: HyperswarmTransportDeps,
    options: HyperswarmTransportOptions,
    onStream: (opened: PeerStream) => void,
  ): Promise<HyperswarmTransport> {
    const { host, port } = parseHostPort(options.listen);
    const reachable = options.reachable === 'yes' ? { firewalled: false, ephemeral: false } : {};
    const dht = openPrivateDht(deps.packages, {
      ...reachable,
      bootstrap: options.rendezvous.bootstrap,
      host,
      port,
      keyPair: deps.keyPair,
      connectionKeepAlive: KEEP_ALIVE_MS,
    });
    try {
      await dht.bind();
    } catch (cause) {
      await destroyInTime(dht, deps.clock);
      throw new AppError('config_invalid', `cannot use UDP port ${port}: another program has it`, { cause });
    }
    const transport = new HyperswarmTransport(deps, options, { dht, onStream });
    transport.#discovery = transport.#swarm.join(Buffer.from(options.rendezvous.topic, 'hex'), {
      server: true,
      client: false,
    });
    return transport;
  }

  /** Streams from others go to `onStream` from now on. */
  listen(onStream: (opened: PeerStream) => void): void {
    this.#onStream = onStream;
  }

  /** Keys in the package's list of peers; it must not grow with strangers. */
  get rememberedPeers(): number {
    return this.#swarm.peers.size;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** DHT nodes that answered lately; 0 while none does. */
  get dhtNodeCount(): number {
    return this.#dht.nodes.length;
  }

  /** Our own UDP address as others see it, once it is known that packets reach it and that we serve the DHT. */
  get stableAddress(): string | undefined {
    if (this.#dht.firewalled || this.#dht.ephemeral) return undefined;
    const seen = this.#dht.remoteAddress();
    return seen === null ? undefined : `${seen.host}:${seen.port}`;
  }

  /**
   * A stream to the node with this key.
   * @throws {AppError} `blob_unavailable` when it cannot be reached, `identity_refused` when it is somebody else.
   */
  async dial(peer: Pick<Peer, 'nodeId'> & { readonly noiseKey: string }, signal: AbortSignal): Promise<PeerStream> {
    const { socket, introduced } = await this.#reach(peer.noiseKey, signal).catch((error: unknown) => {
      if (isAppError(error, 'blob_unavailable')) this.#deps.onTrouble();
      throw error;
    });
    const { nodeId } = introduced.peer;
    if (nodeId === peer.nodeId) return this.#opened(socket, introduced);
    socket.destroy();
    throw new AppError('identity_refused', 'another node has this hyperswarm key', {
      detail: { wanted: peer.nodeId, answered: nodeId },
    });
  }

  /** Asks the node with this key who it is, and hangs up; `onProven` hears of it. @throws as `dial` */
  async meet(noiseKey: string, signal: AbortSignal): Promise<void> {
    const { socket } = await this.#reach(noiseKey, signal);
    socket.end();
    this.#deps.clock.schedule(KEEP_ALIVE_MS, () => socket.destroy());
  }

  /** Announces this node once more, and its key. Never rejects, and may wait seconds for DHT nodes that are gone. */
  async refresh(): Promise<void> {
    this.#swarm.server.refresh(); // the DHT nodes that are to know the key are others when more have come
    await this.#discovery?.refresh().catch(() => undefined); // it ended meanwhile
  }

  /**
   * Gives keys under the fleet's topic to `found`, as they come and each once, at most `MAX_KEYS_FOUND`; hints, since who knows
   * the topic can announce there. Never rejects.
   */
  async lookAround(found: (noiseKey: string) => void): Promise<void> {
    const keys = new Set<string>([noiseKeyText(this.#deps.keyPair.publicKey)]);
    try {
      for await (const { peers } of this.#dht.lookup(Buffer.from(this.#options.rendezvous.topic, 'hex'))) {
        for (const { publicKey } of peers) {
          const key = noiseKeyText(publicKey);
          if (keys.has(key) || keys.size > MAX_KEYS_FOUND) continue;
          keys.add(key);
          found(key);
        }
      }
    } catch (err) {
      this.#log.debug({ err }, 'looking around in the DHT failed');
    }
  }

  /** Closes what is open to these keys and answers them no more. */
  refuse(noiseKeys: readonly string[]): void {
    this.#admission.refuse(noiseKeys);
    for (const socket of [...this.#open, ...this.#unproven]) {
      if (noiseKeys.includes(noiseKeyText(socket.remotePublicKey))) socket.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new AppError('shutting_down', 'the node is stopping'));
    this.#onStream = (opened) => opened.stream.destroy();
    await destroyInTime(this.#dht, this.#deps.clock, this.#swarm);
    for (const socket of [...this.#open, ...this.#unproven]) socket.destroy();
  }

  #admits(publicKey: Buffer, payload: HandshakePayload | null): boolean {
    const key = noiseKeyText(publicKey);
    const relay = payload?.relayThrough?.publicKey;
    return this.#admission.admits(
      {
        key,
        relay: relay === undefined ? undefined : noiseKeyText(relay),
        isKnown: this.#deps.isKnownKey(key),
        openCount: this.#open.size,
        unprovenCount: [...this.#unproven].filter(({ isInitiator }) => !isInitiator).length,
      },
      this.#deps.clock.nowMs(),
    );
  }

  #forgetBan(peer: PeerInfo): void {
    peer.ban(false);
    this.#swarm.peers.delete(noiseKeyText(peer.publicKey));
  }

  #accept(socket: SecretStream): void {
    void this.#introduce(socket, 'acceptor', this.#stopping.signal).then(
      (introduced) => this.#onStream(this.#opened(socket, introduced)),
      (err: unknown) => this.#log.debug({ err }, 'a hyperswarm peer was not taken'),
    );
  }

  /** Direct first; what is not there soon is tried through the relay beside it, and the first to prove itself stays. */
  async #reach(noiseKey: string, signal: AbortSignal): Promise<{ socket: SecretStream; introduced: Introduced }> {
    if (this.#admission.isRefused(noiseKey))
      throw new AppError('identity_refused', 'this key is not dealt with any more');
    using ended = joinSignals([signal, this.#stopping.signal]);
    const relay = this.#options.rendezvous.relay;
    const direct = new AbortController();
    using dialling = joinSignals([ended.signal, direct.signal]);
    const patience = relay === undefined ? HYPERSWARM_DIAL_MS : RELAY_AFTER_MS;
    const timer = this.#deps.clock.schedule(patience, () => direct.abort(unreachable('no answer')));
    try {
      return await this.#connect(noiseKey, undefined, dialling.signal);
    } catch (error) {
      ended.signal.throwIfAborted();
      // A key that nobody announced is not behind the relay either.
      if (relay === undefined || isAppError(error, 'identity_refused') || isNotFound(error)) throw error;
    } finally {
      timer.cancel();
    }
    return await this.#connect(noiseKey, relay.noiseKey, ended.signal);
  }

  async #connect(
    noiseKey: string,
    relayKey: string | undefined,
    signal: AbortSignal,
  ): Promise<{ socket: SecretStream; introduced: Introduced }> {
    signal.throwIfAborted();
    const relayThrough = relayKey === undefined ? null : Buffer.from(relayKey, 'hex');
    const { keyPair } = this.#deps;
    const socket = this.#dht.connect(Buffer.from(noiseKey, 'hex'), { keyPair, relayThrough });
    return { socket, introduced: await this.#introduce(socket, 'dialler', signal) };
  }

  async #introduce(socket: SecretStream, role: ProofRole, signal: AbortSignal): Promise<Introduced> {
    let cause: Error | undefined;
    socket.on('error', (error: Error) => {
      cause = error;
      if (codeOf(error) === 'ETIMEDOUT') this.#deps.onTrouble();
    });
    this.#unproven.add(socket);
    socket.on('close', () => {
      this.#unproven.delete(socket);
      this.#open.delete(socket);
    });
    try {
      const introduced = await exchangeProofs(socket, role, { ...this.#deps, fleetId: this.#options.fleetId }, signal);
      this.#unproven.delete(socket);
      this.#open.add(socket);
      this.#deps.onProven({ ...introduced.peer, noiseKey: noiseKeyText(socket.remotePublicKey) });
      return introduced;
    } catch (error) {
      socket.destroy();
      if (isAppError(error, 'blob_unavailable') && cause !== undefined) throw unreachable(codeOf(cause), cause);
      throw error;
    }
  }

  #opened(socket: SecretStream, { peer, early }: Introduced): PeerStream {
    const rates =
      this.#isRelayed(socket) && this.#relayRate !== undefined ? [this.#rate, this.#relayRate] : [this.#rate];
    const stream = new SecretStreamDuplex({ socket, clock: this.#deps.clock, rates }, early);
    return { stream, nodeId: peer.nodeId, transport: this.name };
  }

  #isRelayed({ rawStream }: SecretStream): boolean {
    const { relay } = this.#options.rendezvous;
    return rawStream !== null && `${rawStream.remoteHost}:${rawStream.remotePort}` === relay?.address;
  }
}

function unreachable(why: string, cause?: Error): AppError {
  return new AppError('blob_unavailable', 'peer cannot be reached over hyperswarm', { cause, detail: { why } });
}

function isNotFound(error: unknown): boolean {
  return isAppError(error) && error.detail['why'] === 'PEER_NOT_FOUND';
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : error.message;
}
