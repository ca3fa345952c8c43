// The ways to a peer, the cheapest first: TLS from whichever side can dial; then hyperswarm, which goes through NATs; its relay
// last. To Peers they are one transport.
//
//   dial: TLS ──cannot be reached──▶ hyperswarm, when we know its key      (and at once for a while after that)
//   a connection over hyperswarm is there, and the other side says where it listens: TLS is tried from this end too

import type { Peer } from '../../shared/protocol/peer-shape.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import { HYPERSWARM_DIAL_MS, type HyperswarmTransport } from './hyperswarm/hyperswarm-transport.ts';
import type { PeerStream, Transport, TransportListener, TransportName } from './transport.ts';

/** A peer that could not be dialled over TLS is dialled over hyperswarm at once for so long; a firewall seldom changes sooner. */
const TLS_FAILED_MS = 60_000;
/** Peers whose TLS failed and are remembered; the oldest is forgotten first. */
const MAX_REMEMBERED = 1000;
/** TCP and TLS of one dial, which the TLS transport keeps to by itself. */
const TLS_DIAL_MS = 3000;

type Hyperswarm = Pick<HyperswarmTransport, 'dial' | 'listen' | 'refuse'>;

export class PeerTransports implements Transport {
  readonly name = 'tls';
  readonly #tls: Transport;
  readonly #clock: Clock;
  readonly #count: (transport: TransportName, result: 'reached' | 'failed') => void;
  readonly #tlsFailedMs = new Map<string, number>();
  #hyperswarm: Hyperswarm | undefined;
  #onStream: ((opened: PeerStream) => void) | undefined;

  constructor(deps: { readonly tls: Transport; readonly clock: Clock; readonly metrics: Metrics }) {
    this.#tls = deps.tls;
    this.#clock = deps.clock;
    const dials = deps.metrics.counter({
      name: 'shoal_swarm_dials_total',
      help: 'Dials to peers, by transport and outcome.',
      labels: ['transport', 'result'],
    });
    this.#count = (transport, result) => dials.add(1, { transport, result });
  }

  /** Uses hyperswarm too from now on, or no longer. It belongs to the caller. */
  attach(hyperswarm: Hyperswarm | undefined): void {
    this.#hyperswarm = hyperswarm;
    if (hyperswarm !== undefined && this.#onStream !== undefined) hyperswarm.listen(this.#onStream);
  }

  /** The longest that `dial` may take; undefined while there is TLS alone, whose caller decides. */
  get dialTimeoutMs(): number | undefined {
    return this.#hyperswarm === undefined ? undefined : TLS_DIAL_MS + HYPERSWARM_DIAL_MS;
  }

  listen(onStream: (opened: PeerStream) => void): Promise<TransportListener> {
    this.#onStream = onStream;
    this.#hyperswarm?.listen(onStream);
    return this.#tls.listen(onStream);
  }

  async dial(peer: Pick<Peer, 'nodeId' | 'address' | 'noiseKey'>, signal: AbortSignal): Promise<PeerStream> {
    const { nodeId, noiseKey } = peer;
    if (this.#hyperswarm === undefined || noiseKey === undefined) return this.dialDirect(peer, signal);
    const failedMs = this.#tlsFailedMs.get(nodeId);
    if (failedMs === undefined || this.#clock.nowMs() - failedMs >= TLS_FAILED_MS) {
      try {
        return await this.dialDirect(peer, signal);
      } catch (error) {
        signal.throwIfAborted();
        // Another node at its old address says nothing about where it is now.
        if (!isAppError(error, 'blob_unavailable', 'identity_refused')) throw error;
        this.#rememberFailure(nodeId);
      }
    }
    const hyperswarm = this.#hyperswarm;
    if (hyperswarm === undefined) throw new AppError('blob_unavailable', 'peer cannot be reached over TLS');
    return this.#counted('hyperswarm', () => hyperswarm.dial({ nodeId, noiseKey }, signal));
  }

  async dialDirect(peer: Pick<Peer, 'nodeId' | 'address'>, signal: AbortSignal): Promise<PeerStream> {
    const opened = await this.#counted('tls', () => this.#tls.dial(peer, signal));
    this.#tlsFailedMs.delete(peer.nodeId);
    return opened;
  }

  refuse(peers: ReadonlyArray<Pick<Peer, 'noiseKey'>>): void {
    this.#hyperswarm?.refuse(peers.flatMap(({ noiseKey }) => noiseKey ?? []));
  }

  async #counted(transport: TransportName, dial: () => Promise<PeerStream>): Promise<PeerStream> {
    try {
      const opened = await dial();
      this.#count(transport, 'reached');
      return opened;
    } catch (error) {
      this.#count(transport, 'failed');
      throw error;
    }
  }

  #rememberFailure(nodeId: string): void {
    this.#tlsFailedMs.delete(nodeId);
    this.#tlsFailedMs.set(nodeId, this.#clock.nowMs());
    for (const oldest of this.#tlsFailedMs.keys()) {
      if (this.#tlsFailedMs.size <= MAX_REMEMBERED) return;
      this.#tlsFailedMs.delete(oldest);
    }
  }
}
