// Blobs of one piece at most: one request to a holder, one answer, no channel and no table of who has what.

import type { Digest } from '../../shared/oci/digest.ts';
import { LEAF_BYTES } from '../../shared/pieces/piece-table.ts';
import type { PeerFrame } from '../../shared/protocol/peer-frames.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { PeerConnection } from './peer-connection.ts';
import { PeerRequests } from './peer-requests.ts';
import type { SharedBlobs } from './shared-blobs.ts';
import type { TransferLimiter } from './transfer-limiter.ts';

/** Answers under way to one peer; 64 of 128 KiB are 8 MiB. More are refused. */
const MAX_ANSWERS_PER_PEER = 64;
/** A holder that does not answer within this time is given up for another. */
const ANSWER_TIMEOUT_MS = 2000;

type SmallFrame = Extract<PeerFrame, { readonly type: 'small-request' | 'small-data' | 'small-reject' }>;

export class SmallBlobs {
  readonly #blobs: SharedBlobs;
  readonly #sent: (connection: PeerConnection, bytes: number) => void;
  readonly #uploads: TransferLimiter;
  readonly #requests: PeerRequests<Uint8Array>;
  readonly #answering = new Map<PeerConnection, number>();

  constructor(deps: {
    readonly blobs: SharedBlobs;
    readonly clock: Clock;
    readonly sent: (connection: PeerConnection, bytes: number) => void;
    /** The caps on what this node sends to peers. */
    readonly uploads: TransferLimiter;
  }) {
    this.#uploads = deps.uploads;
    this.#blobs = deps.blobs;
    this.#sent = deps.sent;
    this.#requests = new PeerRequests(deps, { timeoutMs: ANSWER_TIMEOUT_MS });
  }

  isBusy(connection: PeerConnection): boolean {
    return this.#requests.isBusy(connection) || this.#answering.has(connection);
  }

  /**
   * Asks one holder. The bytes are not verified.
   * @throws {AppError} `blob_unavailable` when it does not have it, does not answer or goes.
   */
  fetch(
    connection: PeerConnection,
    blob: { readonly digest: Digest; readonly sizeBytes: number },
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { digest, sizeBytes } = blob;
    return this.#requests.ask(connection, (request) => ({ type: 'small-request', request, digest, sizeBytes }), signal);
  }

  frame(connection: PeerConnection, frame: SmallFrame): void {
    if (frame.type === 'small-request') void this.#answer(connection, frame);
    else if (frame.type === 'small-data') this.#requests.answered(connection, frame.request, frame.bytes);
    else this.#requests.refused(connection, frame.request, frame.reason);
  }

  closed(connection: PeerConnection): void {
    this.#answering.delete(connection);
    this.#requests.closed(connection);
  }

  async #answer(connection: PeerConnection, frame: Extract<SmallFrame, { type: 'small-request' }>): Promise<void> {
    const { request, digest, sizeBytes } = frame;
    const answering = this.#answering.get(connection) ?? 0;
    if (answering >= MAX_ANSWERS_PER_PEER || sizeBytes > LEAF_BYTES) {
      connection.send({
        type: 'small-reject',
        request,
        reason: answering >= MAX_ANSWERS_PER_PEER ? 'busy' : 'mismatch',
      });
      return;
    }
    this.#answering.set(connection, answering + 1);
    try {
      const bytes = await this.#read(digest, sizeBytes);
      if (bytes === undefined) {
        connection.send({ type: 'small-reject', request, reason: 'not_here' });
      } else if (await this.#mayPass(connection, bytes.byteLength)) {
        connection.send({ type: 'small-data', request, bytes });
        this.#sent(connection, bytes.byteLength);
      }
    } catch {
      // The reader says what it cannot read in its own log; the peer asks somebody else.
      connection.send({ type: 'small-reject', request, reason: 'failed' });
    } finally {
      const left = (this.#answering.get(connection) ?? 1) - 1;
      if (left > 0) this.#answering.set(connection, left);
      else this.#answering.delete(connection);
    }
  }

  /** Waits for its turn under the caps; not for longer than anybody waits for the answer. */
  async #mayPass(connection: PeerConnection, bytes: number): Promise<boolean> {
    const transfer = { bytes, isFar: connection.isToOtherZone, priority: 'client' as const };
    return this.#uploads.pass(transfer) || this.#uploads.take(transfer, AbortSignal.timeout(ANSWER_TIMEOUT_MS));
  }

  async #read(digest: Digest, sizeBytes: number): Promise<Uint8Array | undefined> {
    const blob = await this.#blobs.acquire(digest);
    if (blob === undefined) return undefined;
    try {
      if (blob.cut.sizeBytes !== sizeBytes || !blob.has.isComplete || !blob.isConfirmed) return undefined;
      const bytes = new Uint8Array(sizeBytes);
      await blob.readFully(bytes, 0, new AbortController().signal);
      return bytes;
    } finally {
      await this.#blobs.release(blob);
    }
  }
}
