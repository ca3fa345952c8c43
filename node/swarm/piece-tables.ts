// Piece tables from peer to peer, for the time when the coordinator cannot be asked. A table that came so is provisional
// until the digest of the whole blob was checked.

import type { Digest } from '../../shared/oci/digest.ts';
import {
  HASH_BYTES,
  parsePieceTable,
  pieceBytesFor,
  pieceCount,
  type PieceTable,
} from '../../shared/pieces/piece-table.ts';
import { invalid } from '../../shared/protocol/peer-frame-body.ts';
import { MAX_TABLE_HASHES, type PeerFrame, type Refusal } from '../../shared/protocol/peer-frames.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { BlobStore } from '../content/blob-store.ts';
import type { PeerConnection } from './peer-connection.ts';
import { PeerRequests } from './peer-requests.ts';
import type { SharedBlobs } from './shared-blobs.ts';

/** A peer that does not answer for so long is given up for another; it answers at once when it has nothing. */
const ANSWER_TIMEOUT_MS = 2000;
/** Answers under way to one peer, of 256 KiB at most each; more are refused as busy. */
const MAX_ANSWERS_PER_PEER = 16;
/** A larger table is not asked for: this is the table of 2 TiB, the largest that a session message carries, too. */
const MAX_TABLE_BYTES = 16 * 1024 * 1024;

type TableFrame = Extract<PeerFrame, { readonly type: 'table-request' | 'table-part' | 'table-reject' }>;
type TableRequest = Extract<PeerFrame, { readonly type: 'table-request' }>;

/** Asks peers for piece tables, and answers them. */
export class PieceTables {
  readonly #blobs: SharedBlobs;
  readonly #store: Pick<BlobStore, 'table'>;
  readonly #log: Logger;
  readonly #requests: PeerRequests<Uint8Array>;
  readonly #answering = new Map<PeerConnection, number>();

  constructor(deps: {
    readonly blobs: SharedBlobs;
    readonly store: Pick<BlobStore, 'table'>;
    readonly clock: Clock;
    readonly log: Logger;
  }) {
    this.#blobs = deps.blobs;
    this.#store = deps.store;
    this.#log = deps.log;
    this.#requests = new PeerRequests(deps, { timeoutMs: ANSWER_TIMEOUT_MS });
  }

  isBusy(connection: PeerConnection): boolean {
    return this.#requests.isBusy(connection) || this.#answering.has(connection);
  }

  /**
   * The table as this peer has it, part by part.
   * @throws {AppError} `blob_unavailable` when it has none, does not answer or goes; `message_invalid` for a part of the
   * wrong length; `size_exceeded` when the blob is too large to be found so.
   */
  async fetch(
    connection: PeerConnection,
    blob: { readonly digest: Digest; readonly sizeBytes: number },
    signal: AbortSignal,
  ): Promise<PieceTable> {
    const { digest, sizeBytes } = blob;
    const cut = { sizeBytes, pieceBytes: pieceBytesFor(sizeBytes) };
    const count = pieceCount(cut);
    const hashes = new Uint8Array(count * HASH_BYTES);
    // A table without hashes is asked for all the same: the answer says who has the blob.
    for (let firstPiece = 0; firstPiece === 0 || firstPiece < count; firstPiece += MAX_TABLE_HASHES) {
      const ask = (request: number): TableRequest => ({
        type: 'table-request',
        request,
        digest,
        sizeBytes,
        firstPiece,
      });
      const part = await this.#requests.ask(connection, ask, signal);
      if (part.byteLength !== Math.min(MAX_TABLE_HASHES, count - firstPiece) * HASH_BYTES) {
        throw invalid('part of a piece table has the wrong length');
      }
      hashes.set(part, firstPiece * HASH_BYTES);
    }
    return parsePieceTable({ ...cut, hashes });
  }

  frame(connection: PeerConnection, frame: TableFrame): void {
    if (frame.type === 'table-request') void this.#answer(connection, frame);
    else if (frame.type === 'table-part') this.#requests.answered(connection, frame.request, frame.hashes);
    else this.#requests.refused(connection, frame.request, frame.reason);
  }

  closed(connection: PeerConnection): void {
    this.#answering.delete(connection);
    this.#requests.closed(connection);
  }

  async #answer(connection: PeerConnection, frame: TableRequest): Promise<void> {
    const { request } = frame;
    const refuse = (reason: Refusal): void => connection.send({ type: 'table-reject', request, reason });
    const answering = this.#answering.get(connection) ?? 0;
    if (answering >= MAX_ANSWERS_PER_PEER) return refuse('busy');
    this.#answering.set(connection, answering + 1);
    try {
      const table = this.#blobs.peek(frame.digest)?.table ?? (await this.#store.table(frame.digest));
      if (table === undefined) return refuse('not_here');
      if (table.sizeBytes !== frame.sizeBytes || !isFindable(table.sizeBytes)) return refuse('mismatch');
      const from = frame.firstPiece * HASH_BYTES;
      const hashes = table.hashes.subarray(from, from + MAX_TABLE_HASHES * HASH_BYTES);
      connection.send({ type: 'table-part', request, hashes });
    } catch (error) {
      this.#log.warn({ err: error, digest: frame.digest }, 'a piece table could not be read for a peer');
      refuse('failed');
    } finally {
      const left = (this.#answering.get(connection) ?? 1) - 1;
      if (left > 0) this.#answering.set(connection, left);
      else this.#answering.delete(connection);
    }
  }
}

/** True when the table of a blob of this size may be asked of peers. */
export function isFindable(sizeBytes: number): boolean {
  return pieceCount({ sizeBytes, pieceBytes: pieceBytesFor(sizeBytes) }) * HASH_BYTES <= MAX_TABLE_BYTES;
}
