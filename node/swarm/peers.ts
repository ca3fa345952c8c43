// The nodes that this one is connected to: at most one connection each, whoever dialled. Dials on demand, backs off, refuses
// who was removed from the fleet or sent wrong bytes, and closes what nobody uses.

import type { Digest } from '../../shared/oci/digest.ts';
import type { Peer } from '../../shared/protocol/peer-shape.ts';
import type { Goodbye } from '../../shared/protocol/peer-frames.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { joinSignals } from '../../shared/runtime/joined-signal.ts';
import { Offences } from './offences.ts';
import { PeerConnection, type ConnectionUser } from './peer-connection.ts';
import type { PeerStream, Transport, TransportName } from './transport.ts';
import { withSignal } from '../../shared/runtime/with-signal.ts';

export interface PeersOptions {
  readonly nodeId: string;
  readonly fleetId: string;
  /** The zone that this node stands in; absent for none. */
  readonly zone?: string | undefined;
  /** Default `MAX_CONNECTIONS`. */
  readonly maxConnections?: number;
  /** Default `DIAL_TIMEOUT_MS`. */
  readonly dialTimeoutMs?: number;
  /** Default `HELLO_TIMEOUT_MS`. */
  readonly helloTimeoutMs?: number;
  /** Default `IDLE_MS`. */
  readonly idleMs?: number;
  /** Default `FIRST_BACKOFF_MS`. */
  readonly backoffMs?: number;
}

/** Open connections; others are told that we are busy: 8 neighbours, 32 links of an origin, some images at a time. */
const MAX_CONNECTIONS = 256;
/** Time for TCP and TLS to a peer; after it the dial has failed and another neighbour is used. */
const DIAL_TIMEOUT_MS = 3000;
/** Time for the first frames of both ends; after it the connection is closed. */
const HELLO_TIMEOUT_MS = 3000;
/** A connection without an open channel is kept for so long, then closed. */
const IDLE_MS = 60_000;
/** How long a node is left alone after one failed dial, before jitter; doubles with each further one. */
const FIRST_BACKOFF_MS = 500;
/** The longest a node is left alone after failed dials, before jitter; it may be dialled again for ever. */
const MAX_BACKOFF_MS = 60_000;
/** Nodes that failed and are remembered; the oldest is forgotten first. */
const MAX_REMEMBERED = 10_000;

/** What uses the connections, and knows which are idle. */
export interface PeersUser extends ConnectionUser {
  opened(connection: PeerConnection): void;
  isBusy(connection: PeerConnection): boolean;
}

interface Failure {
  /** Where the node could not be reached. */
  readonly address: string;
  count: number;
  untilMs: number;
}

export class Peers {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #transport: Transport;
  readonly #random: () => number;
  readonly #options: Required<Omit<PeersOptions, 'zone'>> & Pick<PeersOptions, 'zone'>;
  readonly #user: PeersUser;
  readonly #address: () => string;
  readonly #connections = new Map<string, PeerConnection>();
  /** Streams whose hello is not done. */
  readonly #greeting = new Set<PeerConnection>();
  readonly #dials = new Map<string, Promise<PeerConnection>>();
  readonly #failures = new Map<string, Failure>();
  readonly #offences = new Offences();
  readonly #removed = new Set<string>();
  readonly #arrivals = new Map<string, Set<(connection: PeerConnection) => void>>();
  readonly #idleTimers = new Map<PeerConnection, Scheduled>();
  readonly #stopping = new AbortController();

  constructor(
    deps: {
      readonly clock: Clock;
      readonly log: Logger;
      readonly transport: Transport;
      readonly random: () => number;
      readonly user: PeersUser;
      /** `host:port` where others may dial us. */
      readonly address: () => string;
    },
    options: PeersOptions,
  ) {
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#transport = deps.transport;
    this.#random = deps.random;
    this.#user = deps.user;
    this.#address = deps.address;
    this.#options = {
      maxConnections: MAX_CONNECTIONS,
      dialTimeoutMs: DIAL_TIMEOUT_MS,
      helloTimeoutMs: HELLO_TIMEOUT_MS,
      idleMs: IDLE_MS,
      backoffMs: FIRST_BACKOFF_MS,
      ...options,
    };
  }

  get connectedCount(): number {
    return this.#connections.size;
  }

  /** Open connections by what carries them. */
  linkCounts(): Readonly<Record<TransportName, number>> {
    const counts = { tls: 0, hyperswarm: 0 };
    for (const { transport } of this.#connections.values()) counts[transport] += 1;
    return counts;
  }

  /** A connection that is ready now. */
  get(nodeId: string): PeerConnection | undefined {
    return this.#connections.get(nodeId);
  }

  /**
   * The connection to a node; dials when there is none.
   * @throws {AppError} `identity_refused` for a banned or removed node, `blob_unavailable` when it cannot be reached or
   * failed so recently that it is left alone for a while.
   */
  async connect(peer: Peer, signal: AbortSignal): Promise<PeerConnection> {
    signal.throwIfAborted();
    if (this.isRefused(peer.nodeId)) throw new AppError('identity_refused', 'peer is not dealt with any more');
    const open = this.#connections.get(peer.nodeId);
    if (open !== undefined) return open;
    let dial = this.#dials.get(peer.nodeId);
    if (dial === undefined) {
      dial = this.#dial(peer).finally(() => this.#dials.delete(peer.nodeId));
      // Each waiter has its own view of this promise; without one left its failure concerns nobody.
      dial.catch(() => undefined);
      this.#dials.set(peer.nodeId, dial);
    }
    return withSignal(dial, signal);
  }

  /** How long a node that failed is left alone from now, in milliseconds; at another address than the one that failed not at all. */
  backoffLeftMs({ nodeId, address }: Pick<Peer, 'nodeId' | 'address'>): number {
    const failure = this.#failures.get(nodeId);
    return failure?.address === address ? Math.max(0, failure.untilMs - this.#clock.nowMs()) : 0;
  }

  /** True for a node that was removed, or is cut off for wrong pieces. @param digest counts its offences with this blob too. */
  isRefused(nodeId: string, digest?: Digest): boolean {
    if (this.#removed.has(nodeId) || nodeId === this.#options.nodeId) return true;
    const nowMs = this.#clock.nowMs();
    if (digest !== undefined) return this.#offences.isOffender(nodeId, digest, nowMs);
    return this.#offences.isBanned(nodeId, nowMs);
  }

  /** Takes a stream that another node opened. */
  accept(opened: PeerStream): void {
    const isFull = this.#connections.size + this.#greeting.size >= this.#options.maxConnections;
    if (isFull || this.#stopping.signal.aborted) {
      opened.stream.destroy();
      return;
    }
    const connection = this.#open(opened, 'acceptor');
    connection.ready.then(
      () => {
        this.#add(connection);
        void this.#improve(connection);
      },
      (error: unknown) => this.#log.debug({ peer: connection.peerId, err: error }, 'peer did not get past hello'),
    );
    connection.start();
  }

  /** Counts wrong bytes that a node sent of a blob. @returns true unless an offence with this blob counts already. */
  offended(nodeId: string, digest: Digest): boolean {
    const isNews = this.#offences.note(nodeId, digest, this.#clock.nowMs());
    if (this.isRefused(nodeId)) this.#connections.get(nodeId)?.close('removed');
    return isNews;
  }

  /** Takes back all offences with a blob: its piece table was wrong, and not the bytes. */
  forgive(digest: Digest): void {
    this.#offences.forgive(digest);
  }

  /** Closes the connections to nodes that are no longer in the fleet, and refuses them from now on. */
  remove(nodeIds: readonly string[]): void {
    for (const nodeId of nodeIds) {
      this.#removed.add(nodeId);
      this.#connections.get(nodeId)?.close('removed');
    }
  }

  /** Starts the idle time of a connection whose last channel closed; it is closed at its end. */
  becameIdle(connection: PeerConnection): void {
    this.#idleTimers.get(connection)?.cancel();
    this.#idleTimers.set(
      connection,
      this.#clock.schedule(this.#options.idleMs, () => {
        this.#idleTimers.delete(connection);
        if (!this.#user.isBusy(connection)) connection.close('idle');
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new AppError('shutting_down', 'the node is stopping'));
    for (const connection of [...this.#connections.values(), ...this.#greeting]) connection.close('stopping');
    await Promise.allSettled(this.#dials.values());
  }

  async #dial(peer: Peer): Promise<PeerConnection> {
    const leftMs = this.backoffLeftMs(peer);
    if (leftMs > 0) throw new AppError('blob_unavailable', 'peer failed just now', { detail: { peer: peer.nodeId } });
    if (this.#connections.size >= this.#options.maxConnections) {
      throw new AppError('blob_unavailable', 'too many peer connections are open');
    }
    const arrival = this.#awaitArrival(peer.nodeId);
    const settled = new AbortController();
    try {
      const connection = await Promise.race([arrival.connection, this.#dialOut(peer, settled.signal)]);
      this.#failures.delete(peer.nodeId);
      return connection;
    } catch (error) {
      // The other side dialled at the same moment and its stream won: it will be here at once.
      const arrived = this.#connections.get(peer.nodeId);
      if (arrived !== undefined) return arrived;
      this.#countFailure(peer);
      throw error;
    } finally {
      settled.abort();
      arrival.stop();
    }
  }

  /** @param settled aborted when the other side got through meanwhile: a slower way to it is not tried then. */
  async #dialOut(peer: Peer, settled: AbortSignal): Promise<PeerConnection> {
    const timeoutMs = this.#transport.dialTimeoutMs ?? this.#options.dialTimeoutMs;
    using ended = joinSignals([this.#stopping.signal, AbortSignal.timeout(timeoutMs)]);
    using dialling = joinSignals([ended.signal, settled]);
    const opened = await this.#transport.dial(peer, dialling.signal);
    const connection = this.#open(opened, 'dialler');
    connection.start();
    try {
      await connection.ready;
    } catch (error) {
      if (connection.closeReason !== 'duplicate') throw error;
      const wait = this.#awaitArrival(peer.nodeId);
      try {
        return await withSignal(wait.connection, ended.signal);
      } finally {
        wait.stop();
      }
    }
    this.#add(connection);
    if (connection.peerAddress !== peer.address) void this.#improve(connection);
    return connection;
  }

  /** Tries TLS to a node that reached us otherwise: one of the two may be able to dial, and TLS costs a sixth. */
  async #improve({ peerId, peerAddress, transport }: PeerConnection): Promise<void> {
    if (transport === 'tls' || peerAddress === undefined || this.#transport.dialDirect === undefined) return;
    using ended = joinSignals([this.#stopping.signal, AbortSignal.timeout(this.#options.dialTimeoutMs)]);
    try {
      const opened = await this.#transport.dialDirect({ nodeId: peerId, address: peerAddress }, ended.signal);
      const better = this.#open(opened, 'dialler');
      better.start();
      await better.ready;
      this.#add(better);
    } catch (error) {
      this.#log.debug({ peer: peerId, err: error }, 'a peer stays on its transport');
    }
  }

  #open(opened: PeerStream, role: 'dialler' | 'acceptor'): PeerConnection {
    const { nodeId, fleetId, zone, helloTimeoutMs } = this.#options;
    const connection: PeerConnection = new PeerConnection(
      { opened, clock: this.#clock, user: this.#connectionUser() },
      {
        nodeId,
        fleetId,
        zone,
        role,
        helloTimeoutMs,
        address: this.#address(),
        admit: (greeted) => this.#admit(greeted),
      },
    );
    this.#greeting.add(connection);
    const done = (): void => void this.#greeting.delete(connection);
    connection.ready.then(done, done);
    return connection;
  }

  #connectionUser(): ConnectionUser {
    return {
      frame: (connection, frame) => this.#user.frame(connection, frame),
      data: (connection, place, bytes) => this.#user.data(connection, place, bytes),
      closed: (connection) => this.#closed(connection),
    };
  }

  /**
   * Two nodes that dial each other at once keep the stream of the smaller id. A second stream that the same node opened replaces
   * the first: it must have lost that one. TLS replaces what is slower.
   */
  #admit(greeted: PeerConnection): Goodbye | undefined {
    const { peerId } = greeted;
    if (this.isRefused(peerId)) return 'removed';
    const isOursPreferred = this.#options.nodeId < peerId;
    const existing = this.#connections.get(peerId) ?? this.#dialling(peerId, greeted);
    if (existing === undefined || existing === greeted) return undefined;
    const isSameKind = existing.transport === greeted.transport;
    const existingIsPreferred = isSameKind
      ? (existing.role === 'dialler') === isOursPreferred && existing.role !== greeted.role
      : existing.transport === 'tls';
    if (existingIsPreferred) return 'duplicate';
    existing.close('duplicate');
    return undefined;
  }

  /** Our own stream to that node which is still saying hello. */
  #dialling(peerId: string, greeted: PeerConnection): PeerConnection | undefined {
    for (const each of this.#greeting) {
      if (each !== greeted && each.peerId === peerId && each.role === 'dialler' && each.isOpen) return each;
    }
    return undefined;
  }

  #add(connection: PeerConnection): void {
    if (!connection.isOpen || this.#connections.get(connection.peerId) === connection) return;
    this.#connections.set(connection.peerId, connection);
    this.#failures.delete(connection.peerId);
    this.#user.opened(connection);
    for (const arrived of this.#arrivals.get(connection.peerId) ?? []) arrived(connection);
    this.becameIdle(connection);
  }

  #closed(connection: PeerConnection): void {
    this.#idleTimers.get(connection)?.cancel();
    this.#idleTimers.delete(connection);
    if (this.#connections.get(connection.peerId) === connection) this.#connections.delete(connection.peerId);
    this.#user.closed(connection);
  }

  #awaitArrival(nodeId: string): { readonly connection: Promise<PeerConnection>; readonly stop: () => void } {
    const waiting = this.#arrivals.get(nodeId) ?? new Set();
    this.#arrivals.set(nodeId, waiting);
    let arrived: (connection: PeerConnection) => void = () => undefined;
    const connection = new Promise<PeerConnection>((resolve) => {
      arrived = resolve;
    });
    waiting.add(arrived);
    const stop = (): void => {
      waiting.delete(arrived);
      if (waiting.size === 0 && this.#arrivals.get(nodeId) === waiting) this.#arrivals.delete(nodeId);
    };
    return { connection, stop };
  }

  #countFailure({ nodeId, address }: Peer): void {
    const last = this.#failures.get(nodeId);
    const failure = last?.address === address ? last : { address, count: 0, untilMs: 0 };
    const ceilingMs = Math.min(MAX_BACKOFF_MS, this.#options.backoffMs * 2 ** failure.count);
    failure.count += 1;
    // Half of it is chance: a fleet must not come back in step.
    failure.untilMs = this.#clock.nowMs() + ceilingMs * (0.5 + this.#random() / 2);
    forgetOldest(this.#failures);
    this.#failures.set(nodeId, failure);
  }
}

/** True when a failure to connect says that the peer must not be tried again. */
export function isFinalRefusal(error: unknown): boolean {
  return isAppError(error, 'identity_refused');
}

function forgetOldest(remembered: Map<string, unknown>): void {
  if (remembered.size < MAX_REMEMBERED) return;
  for (const key of remembered.keys()) {
    remembered.delete(key);
    return;
  }
}
