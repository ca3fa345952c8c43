// How many pieces of a neighbour's own choice to ask it for.

import type { Neighbour } from './neighbour.ts';

/** A seeder that sends nothing for so long is asked again; it counts a credit that it still has only once. */
const CREDIT_REFRESH_MS = 2000;
/**
 * Pieces of its choice asked of one neighbour while there are others. Who gives to us alone offers many, and goes on giving when
 * its like have come, who give the same: of 32 hosts the last got a seventh of its pieces twice.
 */
const MAX_CREDITS_BESIDE_OTHERS = 2;

/** Forgets credits that a silent seeder seems to have lost. @returns how many may be asked for now. */
export function creditsToAsk(
  seeder: Neighbour,
  now: { readonly neighbourCount: number; readonly wantedCount: number; readonly nowMs: number },
): number {
  if (seeder.openCredits > 0 && seeder.creditSilentMs(now.nowMs) > CREDIT_REFRESH_MS) seeder.openCredits = 0;
  const { creditLimit } = seeder;
  const limit = now.neighbourCount > 1 ? Math.min(creditLimit, MAX_CREDITS_BESIDE_OTHERS) : creditLimit;
  return Math.min(limit - seeder.creditsInUse, now.wantedCount - seeder.openCredits);
}
