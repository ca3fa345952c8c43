// What all who wait for one download need of it together.

import type { ByteRange } from '../../shared/oci/byte-range.ts';
import { piecesOfRanges, type PieceNeeds } from './scheduler/piece-needs.ts';
import type { PieceSet } from './scheduler/piece-set.ts';

/**
 * Undefined: everything alike. What ranges name comes first, and alone unless the whole is wanted as well.
 * @param readers what each reads; undefined for one that reads all.
 */
export function needsOf(
  blob: { readonly pieceCount: number; readonly pieceBytes: number },
  readers: ReadonlyArray<readonly ByteRange[] | undefined>,
  options: { readonly isWholeWanted: boolean },
): PieceNeeds | undefined {
  const ranges = readers.flatMap((read) => read ?? []);
  if (options.isWholeWanted && ranges.length === 0) return undefined;
  return { first: piecesOfRanges(blob, ranges), rest: options.isWholeWanted ? 'wanted' : 'unwanted' };
}

/** True when some pieces are needed alone and all of these are here. */
export function areMet(needs: PieceNeeds | undefined, has: PieceSet): boolean {
  if (needs?.rest !== 'unwanted') return false;
  for (let piece = needs.first.next(0); piece >= 0; piece = needs.first.next(piece + 1)) {
    if (!has.has(piece)) return false;
  }
  return true;
}
