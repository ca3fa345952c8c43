// What crosses between zones, and how long it takes, with the product's directory, scheduler and shares on a virtual clock.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fluidBoundMs } from '../../../scripts/simulation/fluid-bound.ts';
import type { FleetScenario } from '../../../scripts/simulation/fleet-scenario.ts';
import { SimulatedFleet } from '../../../scripts/simulation/simulated-fleet.ts';

// SHOAL_TEST_SEED replays a failure.
/** The same in every run; `SHOAL_TEST_SEED` tries another. */
const seed = Number(process.env['SHOAL_TEST_SEED'] ?? 7);
const GIGABIT = 125e6;

/** @returns copies of the image that came into each zone, and the slowest host that lives over the bound. */
function pull(options: Pick<FleetScenario, 'hosts' | 'zones'> & Partial<FleetScenario>) {
  const layers = [100e6];
  const scenario = { seed, latencyMs: 0.5, verifyMsPerMib: 0.6, layers, rate: GIGABIT, ...options };
  const result = new SimulatedFleet(scenario).run();
  const dead = new Set(options.deaths?.map(({ host }) => host));
  const slowCount = options.slow?.hosts ?? 0;
  const counted = result.finishedMs.filter((_, host) => host > slowCount && !dead.has(host));
  const ratio = Math.max(...counted) / fluidBoundMs(scenario);
  return { into: result.copiesInto, ratio, facts: `seed ${seed}: ${ratio.toFixed(3)}, ${result.copiesInto.join(' ')}` };
}

for (const [count, rate, maxRatio] of [
  [2, GIGABIT, 1.3],
  [2, GIGABIT / 10, 1.05],
  [4, GIGABIT / 10, 1.1],
] as const) {
  test(`Exactly one copy comes into each of ${count} zones over links of ${rate / GIGABIT} Gbit/s, and none goes back`, () => {
    const { into, ratio, facts } = pull({ hosts: 80, zones: { count, rate, latencyMs: 0.5 } });

    assert.deepEqual(into, [0, ...Array.from({ length: count - 1 }, () => 1)], facts);
    assert.ok(ratio <= maxRatio, facts);
  });
}

test('A link between zones that is thin and long is kept busy', () => {
  const { into, ratio, facts } = pull({ hosts: 60, zones: { count: 2, rate: GIGABIT / 4, latencyMs: 20 } });

  assert.deepEqual(into, [0, 1], facts);
  assert.ok(ratio <= 1.15, facts);
});

test('Hosts that die half way, gateways among them, cost little time and little that crosses twice', () => {
  const deaths = Array.from({ length: 8 }, (_, at) => ({ host: 1 + at * 7, atMs: 4000, noticedMs: 1000 }));
  const { into, ratio, facts } = pull({ hosts: 60, zones: { count: 2, rate: GIGABIT / 10, latencyMs: 0.5 }, deaths });

  assert.ok((into[1] ?? 9) <= 1.05 && into[0] === 0, facts);
  assert.ok(ratio <= 1.2, facts);
});

test('Hosts at a tenth of the rate of which nobody knows, gateways among them, do not hold up a zone', () => {
  const { into, ratio, facts } = pull({
    hosts: 60,
    layers: [400e6],
    zones: { count: 2, rate: GIGABIT / 4, latencyMs: 0.5 },
    slow: { hosts: 6, share: 0.1 },
  });

  assert.ok((into[1] ?? 9) <= 1.1, facts);
  assert.ok(ratio <= 1.5, facts);
});
