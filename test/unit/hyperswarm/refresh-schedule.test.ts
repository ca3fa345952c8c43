import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nextRefreshMs } from '../../../node/swarm/hyperswarm/refresh-schedule.ts';

test('The first four refreshes come 0.25, 0.75, 1.75 and 4 seconds after the start, whatever the state', () => {
  for (const isSeeking of [true, false]) {
    let atMs = 0;
    const times = [0, 1, 2, 3].map((count) => (atMs += nextRefreshMs({ count, isSeeking }, 0.5)));

    assert.deepEqual(times, [250, 750, 1750, 4000]);
  }
});

test('Later refreshes come after 30 to 60 seconds while somebody is missing, and after 5 to 10 minutes otherwise', () => {
  fc.assert(
    fc.property(fc.integer({ min: 4, max: 1e6 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (count, random) => {
      const seekingMs = nextRefreshMs({ count, isSeeking: true }, random);
      const calmMs = nextRefreshMs({ count, isSeeking: false }, random);

      assert.ok(seekingMs >= 30_000 && seekingMs <= 60_000);
      assert.ok(calmMs >= 300_000 && calmMs <= 600_000);
    }),
  );
});
