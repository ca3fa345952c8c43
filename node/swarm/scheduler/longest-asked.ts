// Which request to double in the end game.

import type { Neighbour } from './neighbour.ts';

/**
 * The piece that has been asked for longest.
 * @param options.except requests of this neighbour do not count. @param options.latestMs nor those made after this.
 * @param options.mayDouble whether a piece may be asked of one more.
 */
export function longestAsked(
  neighbours: ReadonlyArray<Neighbour | undefined>,
  options: {
    readonly except: Neighbour;
    readonly latestMs: number;
    readonly mayDouble: (piece: number) => boolean;
  },
): number | undefined {
  let oldest: { readonly pieceIndex: number; readonly askedMs: number } | undefined;
  for (const neighbour of neighbours) {
    if (neighbour === undefined || neighbour === options.except) continue;
    for (const asked of neighbour.asked) {
      if (asked.askedMs > options.latestMs || (oldest !== undefined && asked.askedMs >= oldest.askedMs)) continue;
      if (options.mayDouble(asked.pieceIndex)) oldest = asked;
    }
  }
  return oldest?.pieceIndex;
}
