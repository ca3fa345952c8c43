import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StallWatch } from '../../../shared/runtime/stall-watch.ts';
import { FakeClock } from '../../support/fake-clock.ts';

test('A stall is noticed after the timeout, at most a quarter of it late', async () => {
  const clock = new FakeClock();
  let mark: number | undefined = 0;
  let stalls = 0;
  const watch = new StallWatch(
    { clock },
    { readMark: () => mark, onStall: () => void (stalls += 1) },
    { timeoutMs: 40 },
  );
  watch.start();
  for (let step = 0; step < 20; step += 1) {
    mark += 1;
    await clock.advance(39);
  }
  mark = undefined;
  await clock.advance(1000);
  assert.equal(stalls, 0);
  mark = 7;
  await clock.advance(40);
  assert.equal(stalls, 0);
  await clock.advance(10);
  assert.equal(stalls, 1);
  watch.stop();
  await clock.advance(1000);

  assert.equal(stalls, 1);
  assert.equal(clock.pendingCount, 0);
});
