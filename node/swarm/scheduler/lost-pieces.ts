// Pieces that nobody near has, long after those who have everything handed each out once: their only holders are left.

import { PieceSet } from './piece-set.ts';

/** A piece that no neighbour has for this long, and for `LOST_PIECE_TIMES`, is asked of a seeder by number. */
const LOST_MS = 1000;
/** The same wait in times that one piece takes, so that a thin link is given longer. */
const LOST_PIECE_TIMES = 50;

export class LostPieces {
  /** Wanted pieces without holder when this was last looked at, and when that was. */
  readonly #lost: PieceSet;
  #lookedMs = 0;

  constructor(pieceCount: number) {
    this.#lost = new PieceSet(pieceCount);
  }

  /** A piece was asked for. */
  found(piece: number): void {
    this.#lost.remove(piece);
  }

  /**
   * Wanted pieces that nobody had this time and the last; none when it was looked a short while ago.
   * @param now.intervalMs time between pieces. @param now.isPassOver somebody who has everything handed each piece out.
   */
  look(
    pieces: { readonly wanted: PieceSet; holderCount(piece: number): number },
    now: { readonly isPassOver: boolean; readonly intervalMs: number },
    nowMs: number,
  ): readonly number[] {
    if (nowMs - this.#lookedMs < Math.max(LOST_MS, LOST_PIECE_TIMES * now.intervalMs)) return [];
    this.#lookedMs = nowMs;
    const lost: number[] = [];
    for (let piece = pieces.wanted.next(0); piece >= 0; piece = pieces.wanted.next(piece + 1)) {
      if (pieces.holderCount(piece) > 0 || !now.isPassOver) this.#lost.remove(piece);
      else if (!this.#lost.add(piece)) lost.push(piece);
    }
    return lost;
  }
}
