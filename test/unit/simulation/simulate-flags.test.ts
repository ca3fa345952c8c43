import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { test } from 'node:test';
import { UsageError } from '../../../scripts/benchmarks/flag-values.ts';
import { SIMULATE_FLAGS, SIMULATE_USAGE, scenarioOf } from '../../../scripts/simulation/simulate-flags.ts';
import type { FleetScenario } from '../../../scripts/simulation/fleet-scenario.ts';

function scenario(...args: string[]): FleetScenario {
  const { values } = parseArgs({ args, options: SIMULATE_FLAGS, strict: true });
  return scenarioOf(values);
}

test('Flags become a scenario', () => {
  const made = scenario('--hosts', '2600', '--size', '3000MB', '--layers', '2', '--rate', '300MB/s', '--seed', '7');

  assert.equal(made.hosts, 2600);
  assert.deepEqual(made.layers, [1.5e9, 1.5e9]);
  assert.equal(made.rate, 3e8);
  assert.equal(made.uplink, 3e8);
  assert.equal(made.originUplink, 3e8);
  assert.equal(made.seed, 7);
  assert.deepEqual(made.deaths, []);
  assert.equal(made.zones, undefined);
});

test('Layers are as equal as whole bytes allow, and make up the image', () => {
  assert.deepEqual(scenario('--size', '10MB', '--layers', '3').layers, [3_333_334, 3_333_333, 3_333_333]);
});

test('The dead are hosts at the full rate, half way through what the pull must take', () => {
  const flags = ['--hosts', '100', '--kill', '5%', '--slow-hosts', '10', '--size', '1GB', '--rate', '100MB/s'];

  const { deaths = [] } = scenario(...flags);

  assert.equal(deaths.length, 5);
  assert.equal(new Set(deaths.map(({ host }) => host)).size, 5);
  for (const { host, atMs, noticedMs } of deaths) {
    assert.ok(host > 10 && host <= 100, `host ${host} is slow, or an origin`);
    assert.ok(atMs >= 5000 && atMs < 6000, `at ${atMs}`);
    assert.equal(noticedMs, 1000);
  }
});

test('Arrivals are spread evenly over the time, the first at once', () => {
  const { arrivalMs = () => Number.NaN } = scenario('--hosts', '4', '--stagger', '30s');

  const times = [0, 1, 2, 3].map(arrivalMs).sort((left, right) => left - right);

  assert.deepEqual(times, [0, 10_000, 20_000, 30_000]);
});

test('What cannot be is refused', () => {
  for (const args of [
    ['--hosts', '0'],
    ['--hosts', 'many'],
    ['--layers', '1000'],
    ['--zone-link', '1GB/s'],
    ['--zones', '99', '--zone-link', '1GB/s'],
    ['--slow-hosts', '100%'],
    ['--kill', '100%'],
    ['--size', '1B', '--layers', '2'],
    ['--seed=-1'],
  ]) {
    assert.throws(() => scenario(...args), UsageError, args.join(' '));
  }
});

test('The help names every flag', () => {
  for (const flag of Object.keys(SIMULATE_FLAGS)) assert.ok(SIMULATE_USAGE.includes(`--${flag} `), flag);
});
