// When those who have a blob whole may choose what they give of it.

import type { Neighbour } from './neighbour.ts';

/**
 * Few hold a blob while each neighbour that has everything stands against so many that still download: then the few choose
 * what they give. One that stands alone always does. (Simulated with 1 to 8 holders and 1 to 100 hosts.)
 */
const DOWNLOADING_PER_HOLDER = 2;

/** True when few of the neighbours have everything. */
export function areHoldersFew(neighbours: ReadonlyArray<Neighbour | undefined>): boolean {
  let wholeCount = 0;
  let partCount = 0;
  for (const each of neighbours) {
    if (each === undefined) continue;
    if (each.creditLimit > 0 || each.has.isComplete) wholeCount += 1;
    else partCount += 1;
  }
  return wholeCount === 1 || wholeCount * DOWNLOADING_PER_HOLDER <= partCount;
}
