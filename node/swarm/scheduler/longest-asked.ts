// Which request to double in the end game, and whether it may be doubled once more.

import type { Neighbour } from './neighbour.ts';

/** A request is doubled after this many times the recent time of a request. */
const END_GAME_FACTOR = 2;
/** No request is doubled before this: a burst of pieces over a fast link is not lateness. */
const END_GAME_MIN_MS = 50;

/**
 * The piece that has been asked for longest, if that is longer than usual. Among equals the last pieces are under way already,
 * and doubling them would only fetch them twice.
 * @param options.except requests of this neighbour do not count. @param options.recentMs what a request takes now.
 * @param options.mayDouble whether a piece may be asked of one more.
 */
export function longestAsked(
  neighbours: ReadonlyArray<Neighbour | undefined>,
  options: {
    readonly except: Neighbour;
    readonly recentMs: number;
    readonly nowMs: number;
    readonly mayDouble: (piece: number) => boolean;
  },
): number | undefined {
  const latestMs = options.nowMs - Math.max(END_GAME_MIN_MS, END_GAME_FACTOR * options.recentMs);
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
