// Which peers should hear that a piece is here now.

import type { PieceSet } from './piece-set.ts';

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
