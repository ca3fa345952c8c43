import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fluidBoundSeconds } from '../../../scripts/benchmarks/fleet/fluid-bound.ts';

const MB = 1e6;

function equalHosts(count: number, rate: number) {
  return Array.from({ length: count }, () => ({ downBytesPerSecond: rate, upBytesPerSecond: rate }));
}

test('With equal links the bound is the time of one copy over one link, however many hosts', () => {
  const times = [1, 16, 1000].map((count) =>
    fluidBoundSeconds({ sizeBytes: 100 * MB, sourceBytesPerSecond: 10 * MB, hosts: equalHosts(count, 10 * MB) }),
  );

  assert.deepEqual(times, [10, 10, 10]);
});

test('A thin source, a thin downlink and thin uplinks each set the bound when they are the narrowest', () => {
  const bound = (source: number, down: number, up: number): number =>
    fluidBoundSeconds({
      sizeBytes: 100,
      sourceBytesPerSecond: source,
      hosts: Array.from({ length: 9 }, () => ({ downBytesPerSecond: down, upBytesPerSecond: up })),
    });

  assert.equal(bound(1, 100, 100), 100); // S/U
  assert.equal(bound(100, 2, 100), 50); // S/d
  assert.equal(bound(10, 100, 0), 90); // N·S/(U+N·u)
});

test('No more bandwidth ever makes the bound longer', () => {
  const rate = fc.integer({ min: 1, max: 1000 });
  const hostCount = fc.integer({ min: 1, max: 50 });
  fc.assert(
    fc.property(fc.record({ source: rate, down: rate, up: rate }), rate, hostCount, (rates, more, count) => {
      const bound = (extra: number): number =>
        fluidBoundSeconds({
          sizeBytes: 1000,
          sourceBytesPerSecond: rates.source + extra,
          hosts: Array.from({ length: count }, () => ({
            downBytesPerSecond: rates.down + extra,
            upBytesPerSecond: rates.up + extra,
          })),
        });
      assert.ok(bound(more) <= bound(0));
    }),
  );
});
