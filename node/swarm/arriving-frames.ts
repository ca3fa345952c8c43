// Leaves of blobs that are only just coming from outside the fleet: one request to a host, one answer, which may take a moment.

import pLimit, { type LimitFunction } from 'p-limit';
import type { Digest } from '../../shared/oci/digest.ts';
import { LEAF_BYTES } from '../../shared/pieces/piece-table.ts';
import type { PeerFrame, Refusal } from '../../shared/protocol/peer-frames.ts';
import type { Peer } from '../../shared/protocol/peer-shape.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { ArrivingLeaves, ArrivingSource, Leaf } from '../content/arriving-leaves.ts';
import type { PeerConnection } from './peer-connection.ts';
import type { PeerReports } from './peer-reports.ts';
import { PeerRequests } from './peer-requests.ts';
import type { Peers } from './peers.ts';
import type { SwarmMetrics } from './swarm-metrics.ts';
import type { TransferLimiter } from './transfer-limiter.ts';

/** Answers under way to one peer, 8 MiB; more are refused as busy, so nobody asks for more. */
const MAX_ANSWERS_PER_PEER = 64;
/** Leaves that this host asks for at once, 32 MiB; further ones wait. */
const MAX_ASKED = 256;
/** A leaf that has not come by then is refused as busy, and asked for again. */
const WAIT_MS = 2000;
/** A peer that says nothing for so long is given up for another. */
const ANSWER_TIMEOUT_MS = 5000;

type ArrivingFrame = Extract<PeerFrame, { readonly type: 'arriving-request' | 'arriving-data' | 'arriving-reject' }>;
type ArrivingRequest = Extract<ArrivingFrame, { readonly type: 'arriving-request' }>;

interface Deps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SwarmMetrics;
  readonly peers: Pick<Peers, 'connect' | 'offended'>;
  readonly reports: Pick<PeerReports, 'report'>;
  /** The caps on what this node sends to peers, and takes from them. */
  readonly limits: { readonly up: TransferLimiter; readonly down: TransferLimiter };
}

export class ArrivingFrames implements ArrivingLeaves {
  readonly #deps: Deps;
  readonly #requests: PeerRequests<Uint8Array>;
  readonly #answering = new Map<PeerConnection, number>();
  readonly #asking = pLimit(MAX_ASKED);
  /** Those that are asked, by node. */
  readonly #asked = new Map<string, LimitFunction>();
  #source: ArrivingSource | undefined;

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#requests = new PeerRequests(deps, { timeoutMs: ANSWER_TIMEOUT_MS });
  }

  serve(source: ArrivingSource): void {
    this.#source = source;
  }

  /** Resolves when nothing of a blob comes from outside the fleet to this host. @throws the signal's reason */
  async settled(digest: Digest, signal: AbortSignal): Promise<void> {
    await this.#source?.settled(digest, signal);
  }

  isBusy(connection: PeerConnection): boolean {
    return this.#requests.isBusy(connection) || this.#answering.has(connection);
  }

  async fetch(peer: Peer, wanted: Leaf, signal: AbortSignal): Promise<Uint8Array> {
    const ofPeer = this.#asked.get(peer.nodeId) ?? pLimit(MAX_ANSWERS_PER_PEER);
    this.#asked.set(peer.nodeId, ofPeer);
    try {
      return await ofPeer(() => this.#asking(() => this.#fetch(peer, wanted, signal)));
    } finally {
      if (ofPeer.activeCount + ofPeer.pendingCount === 0) this.#asked.delete(peer.nodeId);
    }
  }

  blame(nodeId: string, digest: Digest): void {
    const { log, metrics, peers, reports } = this.#deps;
    metrics.piece('bad');
    if (!peers.offended(nodeId, digest)) return;
    log.warn({ peer: nodeId, digest }, 'peer sent a wrong piece of a blob that is being fetched; dropped');
    reports.report({ nodeId, digest, reason: 'bad_piece' });
  }

  frame(connection: PeerConnection, frame: ArrivingFrame): void {
    if (frame.type === 'arriving-request') void this.#answer(connection, frame);
    else if (frame.type === 'arriving-data') this.#requests.answered(connection, frame.request, frame.bytes);
    else this.#requests.refused(connection, frame.request, frame.reason);
  }

  closed(connection: PeerConnection): void {
    this.#answering.delete(connection);
    this.#requests.closed(connection);
  }

  async #fetch(peer: Peer, { digest, leafIndex }: Leaf, signal: AbortSignal): Promise<Uint8Array> {
    signal.throwIfAborted();
    const { metrics, limits, peers } = this.#deps;
    const connection = await peers.connect(peer, signal);
    const transfer = { bytes: LEAF_BYTES, isFar: connection.isToOtherZone, priority: 'client' as const };
    if (!limits.down.pass(transfer)) await limits.down.take(transfer, signal);
    signal.throwIfAborted();
    const ask = (request: number): ArrivingRequest => ({ type: 'arriving-request', request, digest, leafIndex });
    const bytes = await this.#requests.ask(connection, ask, signal);
    metrics.received(connection, bytes.byteLength);
    return bytes;
  }

  async #answer(connection: PeerConnection, { request, digest, leafIndex }: ArrivingRequest): Promise<void> {
    const refuse = (reason: Refusal): void => connection.send({ type: 'arriving-reject', request, reason });
    const answering = this.#answering.get(connection) ?? 0;
    if (answering >= MAX_ANSWERS_PER_PEER) return refuse('busy');
    this.#answering.set(connection, answering + 1);
    const late = new AbortController();
    const timer = this.#deps.clock.schedule(WAIT_MS, () => late.abort());
    try {
      const bytes = await this.#source?.leaf({ digest, leafIndex }, late.signal);
      if (bytes === undefined) return refuse('not_here');
      const transfer = { bytes: bytes.byteLength, isFar: connection.isToOtherZone, priority: 'client' as const };
      const { up } = this.#deps.limits;
      if (!up.pass(transfer) && !(await up.take(transfer, late.signal))) return refuse('busy');
      // Behind pieces, and few at a time: what asks for pieces and tells of them goes over the same socket.
      if (!(await connection.sendWithRoom({ type: 'arriving-data', request, bytes }, late.signal)))
        return refuse('busy');
      this.#deps.metrics.sent(connection, bytes.byteLength);
    } catch (error) {
      if (!late.signal.aborted) this.#deps.log.debug({ err: error, digest }, 'a leaf could not be given to a peer');
      refuse(late.signal.aborted ? 'busy' : 'not_here');
    } finally {
      timer.cancel();
      const left = (this.#answering.get(connection) ?? 1) - 1;
      if (left > 0) this.#answering.set(connection, left);
      else this.#answering.delete(connection);
    }
  }
}
