import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HealthChecks, type HealthCheck } from '../../../node/health/health-checks.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** A check that fails while it is told to. */
function controlled(threshold: number): { check: HealthCheck; state: { isFailing: boolean; runs: number } } {
  const state = { isFailing: false, runs: 0 };
  const run = (): Promise<void> => {
    state.runs += 1;
    return state.isFailing ? Promise.reject(new Error('broken')) : Promise.resolve();
  };
  return { state, check: { name: 'it', intervalMs: 1000, threshold, run } };
}

test('A check counts after so many failures in a row, and is fine again with the first success', async () => {
  const clock = new FakeClock();
  const { check, state } = controlled(3);
  await using checks = new HealthChecks({ clock, log: silentLogger }, [check]);
  const failing: number[] = [];

  for (const isFailing of [false, true, true, false, true, true, true, true, false]) {
    state.isFailing = isFailing;
    await clock.advance(1000);
    failing.push(checks.failing.size);
  }

  assert.deepEqual(failing, [0, 0, 0, 0, 0, 0, 1, 1, 0]);
});

test('A check that hangs has failed, and is not started a second time meanwhile', async () => {
  const clock = new FakeClock();
  let runs = 0;
  const run = (signal: AbortSignal): Promise<void> => {
    runs += 1;
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  };
  await using checks = new HealthChecks({ clock, log: silentLogger }, [
    { name: 'it', intervalMs: 100, threshold: 0, run },
  ]);

  await clock.advance(29_999);
  assert.deepEqual([runs, checks.failing.size], [1, 0]);
  await clock.advance(1);

  assert.deepEqual([...checks.failing], [['it', 'took too long']]);
});

test('A node is taken out of service by hand, and back', async () => {
  await using checks = new HealthChecks({ clock: new FakeClock(), log: silentLogger }, []);

  checks.setByHand('down');
  const isDown = checks.failing.size > 0;
  checks.setByHand('up');

  assert.deepEqual([isDown, checks.failing.size], [true, 0]);
});

test('Nothing runs after the checks were stopped', async () => {
  const clock = new FakeClock();
  const { check, state } = controlled(0);
  const checks = new HealthChecks({ clock, log: silentLogger }, [check]);
  await clock.advance(1000);
  const before = state.runs;

  await checks[Symbol.asyncDispose]();
  await clock.advance(10_000);

  assert.deepEqual([state.runs, clock.pendingCount], [before, 0]);
});
