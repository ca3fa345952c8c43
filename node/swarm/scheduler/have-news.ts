// Which peers should hear that a piece is here now. They are told at the end of the turn of the event loop in which its hash was known:
// what is verified in one turn goes out in one frame, and the busier the host, the longer are its turns.

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
