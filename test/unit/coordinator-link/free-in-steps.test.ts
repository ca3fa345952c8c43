import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { freeInSteps } from '../../../node/coordinator-link/free-in-steps.ts';

const MIB = 1024 * 1024;

test('A small disk, or one that is nearly full, is not reported as one with nothing free', () => {
  assert.deepEqual(
    [0, MIB - 1, MIB, 63.9 * MIB, 1023.5 * MIB].map((free) => freeInSteps(free) / MIB),
    [0, 0, 1, 63, 1023],
  );
});

test('What little a large disk moves by is no news', () => {
  assert.equal(freeInSteps(70_000 * MIB), freeInSteps(70_015 * MIB));
});

test('No more is reported than is free, less by a sixteenth or a megabyte at most, and more free is never reported as less', () => {
  const sizes = fc.tuple(fc.maxSafeNat(), fc.integer({ min: 0, max: 2048 * MIB }));
  fc.assert(
    fc.property(sizes, fc.nat(64 * MIB), ([large, small], more) => {
      for (const free of [large, small]) {
        const reported = freeInSteps(free);
        assert.ok(reported <= free && free - reported < Math.max(MIB, free / 16 + 1));
        assert.ok(freeInSteps(free + more) >= reported);
      }
    }),
  );
});
