// What a simulated pull came to, in a few numbers. Pure.

import type { FleetOutcome, FleetScenario } from './fleet-scenario.ts';
import { fluidBoundMs } from './fluid-bound.ts';

/** Null where nobody finished. Names and order as programs read them. */
export interface FleetSummary {
  readonly hosts: number;
  readonly boundSeconds: number;
  readonly p50Seconds: number | null;
  readonly p99Seconds: number | null;
  readonly maxSeconds: number | null;
  readonly originCopies: number;
  readonly controlBytesPerHost: number;
  /** The same times over the bound. */
  readonly p50Ratio: number | null;
  readonly p99Ratio: number | null;
  readonly maxRatio: number | null;
  /** Of the slow hosts, the slowest over the time of one copy over its own link. */
  readonly slowMaxRatio: number | null;
  /** Hosts that live and did not get the image. */
  readonly missing: number;
  readonly killed: number;
  /** Copies of the image that came into each zone from others. */
  readonly copiesIntoZones: readonly number[];
  readonly wasteShare: number;
  readonly events: number;
  readonly seed: number;
}

export function summaryOf(scenario: FleetScenario, outcome: FleetOutcome): FleetSummary {
  const { hosts, holders = 1, slow, liars = 0, arrivalMs = () => 0, deaths = [], layers, rate, seed } = scenario;
  const boundMs = fluidBoundMs(scenario);
  const dead = new Set(deaths.filter(({ returnsMs }) => returnsMs === undefined).map(({ host }) => host));
  const timesOf = (from: number, to: number): number[] => {
    const times: number[] = [];
    for (let puller = from; puller < to; puller += 1) {
      if (dead.has(holders + puller)) continue;
      times.push((outcome.finishedMs[holders + puller] ?? Infinity) - arrivalMs(puller));
    }
    return times.sort((left, right) => left - right);
  };
  const slowHosts = slow?.hosts ?? 0;
  const slowTimes = timesOf(0, slowHosts);
  const times = timesOf(slowHosts, hosts - liars);
  const bytes = layers.reduce((sum, size) => sum + size, 0);
  const slowBoundMs = (bytes / (rate * (slow?.share ?? 1))) * 1000;
  const [p50, p99, max] = [0.5, 0.99, 1].map((share) => percentile(times, share));
  return {
    hosts,
    boundSeconds: rounded(boundMs / 1000),
    p50Seconds: over(p50, 1000),
    p99Seconds: over(p99, 1000),
    maxSeconds: over(max, 1000),
    originCopies: rounded(outcome.originCopies),
    controlBytesPerHost: Math.round(outcome.controlBytesPerHost),
    p50Ratio: over(p50, boundMs),
    p99Ratio: over(p99, boundMs),
    maxRatio: over(max, boundMs),
    slowMaxRatio: over(slowTimes.at(-1), slowBoundMs),
    missing: [...times, ...slowTimes].filter((ms) => ms === Infinity).length,
    killed: dead.size,
    copiesIntoZones: outcome.copiesInto.map(rounded),
    wasteShare: rounded(outcome.wasteShare),
    events: outcome.eventCount,
    seed,
  };
}

/** The time by which this share of the hosts was done. @param times in order. */
function percentile(times: readonly number[], share: number): number | undefined {
  return times[Math.max(0, Math.ceil(share * times.length) - 1)];
}

function over(ms: number | undefined, unitMs: number): number | null {
  return ms === undefined || !Number.isFinite(ms) ? null : rounded(ms / unitMs);
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
