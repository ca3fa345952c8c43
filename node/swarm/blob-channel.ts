// One blob on one connection, both directions: what the other side has, and what is done for it.

import type { Digest } from '../../shared/oci/digest.ts';
import type { PieceRun } from '../../shared/protocol/peer-frame-body.ts';
import { MAX_HAVE_RUNS } from '../../shared/protocol/peer-frames.ts';
import type { PeerConnection } from './peer-connection.ts';
import type { PieceExchange } from './piece-exchange.ts';
import { isNewsTo } from './scheduler/have-news.ts';
import type { PieceSet } from './scheduler/piece-set.ts';
import type { BlobCut, SharedBlob } from './shared-blob.ts';

export class BlobChannel {
  readonly connection: PeerConnection;
  readonly cut: BlobCut;
  /** The number that we gave it, in every frame that we send about it. */
  readonly localNumber: number;
  /** The number that the peer gave it; undefined until it opened its side. */
  remoteNumber: number | undefined;
  /** What we can give of it; undefined while that is being looked up. */
  blob: SharedBlob | undefined;
  /** What the peer said that it has; undefined before its first word. */
  remoteHas: PieceSet | undefined;
  /** Our download that uses this channel. */
  exchange: PieceExchange | undefined;
  /** True when the peer hands out pieces of its choice here. */
  isOffering = false;
  /** True when we hand out pieces of our choice here. */
  isHandOut = false;
  isClosed = false;
  readonly #unannounced: number[] = [];

  constructor(connection: PeerConnection, cut: BlobCut, localNumber: number) {
    this.connection = connection;
    this.cut = cut;
    this.localNumber = localNumber;
  }

  get digest(): Digest {
    return this.cut.digest;
  }

  /** Notes a piece that the peer is to be told about with the next batch. @returns true for the first of a batch. */
  noteVerified(pieceIndex: number): boolean {
    if (!isNewsTo(this, pieceIndex)) return false;
    return this.#unannounced.push(pieceIndex) === 1;
  }

  /** Sends what was noted, without what the peer got meanwhile. */
  announce(): void {
    const pieces = this.#unannounced.splice(0).filter((piece) => isNewsTo(this, piece));
    const runs = runsOf(pieces);
    for (let at = 0; at < runs.length; at += MAX_HAVE_RUNS) {
      this.connection.send({ type: 'have', channel: this.localNumber, runs: runs.slice(at, at + MAX_HAVE_RUNS) });
    }
  }
}

function runsOf(pieces: number[]): PieceRun[] {
  pieces.sort((left, right) => left - right);
  const runs: Array<{ first: number; count: number }> = [];
  for (const piece of pieces) {
    const last = runs.at(-1);
    if (last !== undefined && last.first + last.count === piece) last.count += 1;
    else runs.push({ first: piece, count: 1 });
  }
  return runs;
}
