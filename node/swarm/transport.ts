// A way to reach another node. What comes out is a stream of bytes to a node whose identity is proven; the peer protocol
// runs over any of them.

import type { Duplex } from 'node:stream';
import type { Peer } from '../../shared/protocol/peer-shape.ts';

/** Every transport there is; also the values of the label `transport` of metrics. */
export type TransportName = 'tls' | 'hyperswarm';

/** An open stream to a node. The receiver of this object owns the stream and destroys it. */
export interface PeerStream {
  readonly stream: Duplex;
  /**
   * Gives every chunk that arrives to `take`, in place of the stream's 'data' events, from one buffer that is used again
   * and again: a chunk is only valid during the call. Absent where the transport cannot; called once at most.
   */
  readonly receive?: (take: (chunk: Buffer) => void) => void;
  /** Proven by the transport, not told by the peer. */
  readonly nodeId: string;
  /** What carries it, for metrics and reports. */
  readonly transport: TransportName;
}

export interface Transport {
  readonly name: TransportName;
  /**
   * Takes streams from others until the result is disposed. Streams that were handed over stay open then.
   * @param onStream must not throw.
   */
  listen(onStream: (opened: PeerStream) => void): Promise<TransportListener>;
  /** @throws {AppError} `blob_unavailable` when unreachable, `identity_refused` when it is somebody else. */
  dial(peer: Pick<Peer, 'nodeId' | 'address' | 'noiseKey'>, signal: AbortSignal): Promise<PeerStream>;
  /** The longest that a dial may take, where the transport knows better than its user. */
  readonly dialTimeoutMs?: number | undefined;
  /** As `dial`, over TLS alone; absent where `dial` never uses anything else. */
  dialDirect?(peer: Pick<Peer, 'nodeId' | 'address'>, signal: AbortSignal): Promise<PeerStream>;
  /** Nodes that are no longer of the fleet: they are not answered any more, as far as the transport can tell. */
  refuse?(peers: readonly Peer[]): void;
}

export interface TransportListener extends AsyncDisposable {
  /** Where others can reach it, `host:port`. */
  readonly address: string;
}
