import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../support/fake-clock.ts';

test('FakeClock wakes sleepers in order of their time, at their time', async () => {
  const clock = new FakeClock();
  const woken: Array<readonly [string, number]> = [];
  const { signal } = new AbortController();
  const sleeper = async (name: string, ms: number): Promise<void> => {
    await clock.sleep(ms, signal);
    woken.push([name, clock.nowMs()]);
  };
  const all = Promise.all([sleeper('late', 30), sleeper('early', 10), sleeper('later', 40)]);

  await clock.advance(30);

  assert.deepEqual(woken, [
    ['early', 10],
    ['late', 30],
  ]);
  await clock.advance(10);
  await all;
});

test('FakeClock forgets a sleep that was aborted', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const sleep = clock.sleep(10, stop.signal);

  stop.abort(new Error('enough'));

  await assert.rejects(sleep, /enough/);
  assert.equal(clock.pendingCount, 0);
});
