// Which pieces of a blob are needed, by all who wait for its download together.

import type { ByteRange } from '../../shared/oci/byte-range.ts';
import { piecesOfRanges, type PieceNeeds } from './scheduler/piece-needs.ts';
import type { PieceSet } from './scheduler/piece-set.ts';

/**
 * The pieces in the readers' ranges come first. The rest is fetched only when the whole blob is wanted as well.
 * @param readers the byte ranges of each reader; undefined for one that reads the whole blob.
 * @returns undefined when all pieces are needed alike.
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

/** True when only some pieces are needed and all of them are here. */
export function areMet(needs: PieceNeeds | undefined, has: PieceSet): boolean {
  if (needs?.rest !== 'unwanted') return false;
  for (let piece = needs.first.next(0); piece >= 0; piece = needs.first.next(piece + 1)) {
    if (!has.has(piece)) return false;
  }
  return true;
}
