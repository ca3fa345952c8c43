// One blob on one connection, both directions: what the other side has, and what is done for it.

import type { Digest } from '../../shared/oci/digest.ts';
import type { PieceRun } from '../../shared/protocol/peer-frame-body.ts';
import { MAX_HAVE_RUNS } from '../../shared/protocol/peer-frames.ts';
import type { PeerConnection } from './peer-connection.ts';
import type { PieceExchange } from './piece-exchange.ts';
import { ForetoldPieces } from './scheduler/foretold-pieces.ts';
import { isNewsTo } from './scheduler/have-news.ts';
import type { PieceSet } from './scheduler/piece-set.ts';
import type { BlobCut, SharedBlob } from './shared-blob.ts';

export class BlobChannel {
  readonly connection: PeerConnection;
  readonly cut: BlobCut;
  /** The number that this node chose for the channel; every frame that we send about it carries it. */
  readonly localNumber: number;
  /** The number that the peer chose for the channel; undefined until the peer opened its side. */
  remoteNumber: number | undefined;
  /** The blob as this node can give it to the peer; undefined while it is being looked up. */
  blob: SharedBlob | undefined;
  /** The pieces that the peer told us it has; undefined until it told us any. */
  remoteHas: PieceSet | undefined;
  /** Our download that asks for pieces over this channel; undefined while we only give. */
  exchange: PieceExchange | undefined;
  /** True while the peer offers to send pieces of its own choice (`offer` of peer-frames.ts). */
  isOffering = false;
  /** True while this node offers the peer pieces of our own choice (scheduler/piece-hand-out.ts). */
  isHandOut = false;
  isClosed = false;
  /** What the peer was told of before it was here. */
  readonly foretold = new ForetoldPieces();
  readonly #unannounced = new Set<number>();

  constructor(connection: PeerConnection, cut: BlobCut, localNumber: number) {
    this.connection = connection;
    this.cut = cut;
    this.localNumber = localNumber;
  }

  get digest(): Digest {
    return this.cut.digest;
  }

  /** Adds a piece to the next `have` frame. @returns true when it is the first of that frame, so that somebody has to send it. */
  noteHave(pieceIndex: number): boolean {
    if (!isNewsTo(this, pieceIndex)) return false;
    this.#unannounced.add(pieceIndex);
    return this.#unannounced.size === 1;
  }

  /** Sends the `have` frame, without pieces that the peer got in the meantime, and those that do not come after all. */
  announce(): void {
    const pieces = [...this.#unannounced].filter((piece) => isNewsTo(this, piece) && this.#isTrue(piece));
    this.#unannounced.clear();
    const runs = runsOf(pieces);
    for (let at = 0; at < runs.length; at += MAX_HAVE_RUNS) {
      this.connection.send({ type: 'have', channel: this.localNumber, runs: runs.slice(at, at + MAX_HAVE_RUNS) });
    }
  }

  #isTrue(pieceIndex: number): boolean {
    return this.blob?.has.has(pieceIndex) === true || this.foretold.has(pieceIndex);
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
