// Which peers should hear that a piece is here now, and when.

import type { PieceSet } from './piece-set.ts';

/** Verified pieces are told in batches: often enough for a piece time, seldom enough to be cheap. */
export const HAVE_BATCH_MS = 2;

/**
 * False for a peer that has the piece, unless it hands out pieces of its own choice to us: it then chooses by what
 * those whom it gives to have.
 */
export function isNewsTo(
  peer: { readonly remoteHas: PieceSet | undefined; readonly isOffering: boolean },
  pieceIndex: number,
): boolean {
  return peer.isOffering || peer.remoteHas?.has(pieceIndex) !== true;
}
