// Which request to double in the end game, and whether it may be doubled once more.

import type { Neighbour } from './neighbour.ts';

/**
 * The piece that has been asked for longest, if that is long enough. Among equals the last pieces are under way already,
 * and doubling them would only fetch them twice.
 * @param options.except requests of this neighbour do not count. @param options.longMs how long is long enough.
 * @param options.mayDouble whether a piece may be asked of one more.
 */
export function longestAsked(
  neighbours: ReadonlyArray<Neighbour | undefined>,
  options: {
    readonly except: Neighbour;
    readonly longMs: number;
    readonly nowMs: number;
    readonly mayDouble: (piece: number) => boolean;
  },
): number | undefined {
  const latestMs = options.nowMs - options.longMs;
  let oldest: { readonly pieceIndex: number; readonly askedMs: number } | undefined;
  for (const neighbour of neighbours) {
    if (neighbour === undefined || neighbour === options.except) continue;
    for (const asked of neighbour.asked) {
      if (asked.askedMs > latestMs || (oldest !== undefined && asked.askedMs >= oldest.askedMs)) continue;
      if (options.mayDouble(asked.pieceIndex)) oldest = asked;
    }
  }
  return oldest?.pieceIndex;
}

/** How many were asked for a piece after `sinceMs`: those asked before had time enough for it. */
export function waitingCount(
  neighbours: ReadonlyArray<Neighbour | undefined>,
  pieceIndex: number,
  sinceMs: number,
): number {
  let count = 0;
  for (const neighbour of neighbours) {
    for (const asked of neighbour?.asked ?? []) {
      if (asked.pieceIndex === pieceIndex && asked.askedMs > sinceMs) count += 1;
    }
  }
  return count;
}
