// A small fleet that pulls an image on a virtual clock, judged by its slowest host. For tests of policies; what is simulated, and by
// which code of the product, says scripts/simulation/simulated-fleet.ts.

import assert from 'node:assert/strict';
import { fluidBoundMs } from '../../scripts/simulation/fluid-bound.ts';
import type { FleetOutcome, FleetScenario } from '../../scripts/simulation/fleet-scenario.ts';
import { SimulatedFleet } from '../../scripts/simulation/simulated-fleet.ts';

/** The same in every run. `SHOAL_TEST_SEED` tries another; limits leave room for what 30 others came to. */
export const seed = Number(process.env['SHOAL_TEST_SEED'] ?? 7);
/** In bytes per second. */
export const GIGABIT = 125e6;
const LAN = { latencyMs: 0.5, verifyMsPerMib: 0.6 };

/** Ratios are times over the fluid bound max(S/U, S/d, N·S/(U + N·u)), each host's time from its own start. */
export interface PullOutcome {
  readonly result: FleetOutcome;
  /** Slowest of the hosts that count, over the bound. */
  readonly maxRatio: number;
  /** Of the hosts that count, how many never got it. */
  readonly missing: number;
}

/** @param counts which pullers count, by their number from 1 on. */
export function pull(
  options: Omit<FleetScenario, 'seed' | 'latencyMs' | 'verifyMsPerMib'> & {
    readonly seed?: number;
    readonly latencyMs?: number;
  },
  counts: (host: number) => boolean = () => true,
): PullOutcome {
  const { holders = 1, arrivalMs = () => 0 } = options;
  const scenario = { seed, ...LAN, ...options };
  const result = new SimulatedFleet(scenario).run();
  const tookMs = result.finishedMs.slice(holders).map((ms, puller) => ms - arrivalMs(puller));
  const times = tookMs.filter((_, puller) => counts(puller + 1));
  const done = times.filter((ms) => ms < Infinity);
  return { result, maxRatio: Math.max(...done) / fluidBoundMs(scenario), missing: times.length - done.length };
}

/** Everybody who counts has the image within the limits, no link carried more than it can, and hardly a piece came twice. */
export function check(outcome: PullOutcome, limits: { readonly maxRatio: number; readonly copies: number }): void {
  const { result, maxRatio, missing } = outcome;
  const facts = `seed ${seed}: max ${maxRatio.toFixed(3)}, copies ${result.originCopies.toFixed(3)}, missing ${missing}`;
  assert.equal(missing, 0, facts);
  assert.ok(maxRatio <= limits.maxRatio, facts);
  assert.ok(result.originCopies <= limits.copies, facts);
  assert.ok(result.maxLoad <= 1.000001, `${facts}: a link carried more than it can`);
  assert.ok(result.wasteShare <= 0.02, `${facts}: waste ${result.wasteShare}`);
}
