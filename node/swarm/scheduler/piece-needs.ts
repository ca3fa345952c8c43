// Which pieces of a blob are to be fetched: all of them, some first and the rest later, or some alone.

import { PieceSet } from './piece-set.ts';

/** What is to come of a blob. Pieces that are there already may be named; they are not fetched again. */
export interface PieceNeeds {
  /** Somebody waits for these, so that they come before all others. */
  readonly first: PieceSet;
  /** Whether the others come as well, with what bandwidth is left. */
  readonly rest: 'wanted' | 'unwanted';
}

/** The pieces that hold a stretch of a blob. Both ends of a range are included; what lies behind the blob is not there. */
export function piecesOfRanges(
  blob: { readonly pieceCount: number; readonly pieceBytes: number },
  ranges: ReadonlyArray<{ readonly first: number; readonly last: number }>,
): PieceSet {
  const pieces = new PieceSet(blob.pieceCount);
  for (const { first, last } of ranges) {
    const lastPiece = Math.min(Math.floor(last / blob.pieceBytes), blob.pieceCount - 1);
    for (let piece = Math.floor(first / blob.pieceBytes); piece <= lastPiece; piece += 1) pieces.add(piece);
  }
  return pieces;
}
