// When those who have a blob whole may choose what they give of it.

import type { Neighbour } from './neighbour.ts';
import { countBits, type PieceSet } from './piece-set.ts';

/**
 * Few hold a blob while each neighbour that has everything stands against so many that still download: then the few choose
 * what they give. One that stands alone always does. (Simulated with 1 to 8 holders and 1 to 100 hosts.)
 */
const DOWNLOADING_PER_HOLDER = 2;
/**
 * Several choose only while those who still download have less than this part of what is wanted here. Who comes late finds most
 * of it with them, and several holders would choose the same of it: hosts that came over 6 s took 1.045 of the bound in the
 * middle and 1.005 since (200 hosts).
 */
const KNOWN_SHARE = 0.5;

/** True when few of the neighbours have everything. @param wanted pieces that are missing and asked of nobody. */
export function areHoldersFew(neighbours: ReadonlyArray<Neighbour | undefined>, wanted: PieceSet): boolean {
  let wholeCount = 0;
  const downloading: Neighbour[] = [];
  for (const each of neighbours) {
    if (each === undefined || !each.isAskable) continue;
    if (each.creditLimit > 0 || each.has.isComplete) wholeCount += 1;
    else downloading.push(each);
  }
  if (wholeCount < 2) return true;
  if (wholeCount * DOWNLOADING_PER_HOLDER > downloading.length) return false;
  return knownCount(downloading, wanted) < wanted.count * KNOWN_SHARE;
}

/** Wanted pieces that at least one of these has. */
function knownCount(neighbours: readonly Neighbour[], wanted: PieceSet): number {
  let count = 0;
  for (const [at, word] of wanted.words.entries()) {
    let theirs = 0;
    if (word !== 0) for (const { has } of neighbours) theirs |= has.words[at] ?? 0;
    count += countBits(word & theirs);
  }
  return count;
}
