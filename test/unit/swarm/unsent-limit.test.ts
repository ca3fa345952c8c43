import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UnsentLimit } from '../../../node/swarm/unsent-limit.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** Writes parts one after the other to a socket that takes `bytesPerMs`. */
function fill(
  limit: UnsentLimit,
  options: { readonly bytesPerMs: number; readonly parts: number; readonly fromMs: number },
): number {
  let nowMs = options.fromMs;
  for (let part = 0; part < options.parts; part += 1) {
    const writtenMs = nowMs;
    const bytes = limit.unsentBytes;
    nowMs += bytes / options.bytesPerMs;
    limit.taken(bytes, { writtenMs, nowMs });
  }
  return nowMs;
}

test('Little waits in front of a slow socket, and two megabytes in front of a fast one', () => {
  const slow = new UnsentLimit();
  const fast = new UnsentLimit();

  fill(slow, { bytesPerMs: 700, parts: 100, fromMs: 0 }); // a ninth of 50 Mbit/s
  fill(fast, { bytesPerMs: 500_000, parts: 100, fromMs: 0 });

  assert.equal(slow.unsentBytes, 32 * KiB);
  assert.equal(fast.unsentBytes, 2 * MiB);
});

test('In between it is what leaves in twenty milliseconds', () => {
  const limit = new UnsentLimit();

  fill(limit, { bytesPerMs: 12_500, parts: 100, fromMs: 0 }); // 100 Mbit/s

  assert.ok(Math.abs(limit.unsentBytes - 250_000) < 2500, `${limit.unsentBytes} bytes`);
});

test('It follows a link that becomes slow', () => {
  const limit = new UnsentLimit();
  const nowMs = fill(limit, { bytesPerMs: 500_000, parts: 1000, fromMs: 0 });

  fill(limit, { bytesPerMs: 700, parts: 20, fromMs: nowMs });

  assert.ok(limit.unsentBytes < 128 * KiB, `${limit.unsentBytes} bytes`);
});

test('Whatever a socket does, the limit stays between 32 KiB and 2 MiB', () => {
  const write = fc.record({
    bytes: fc.integer({ min: 1, max: 4 * MiB }),
    waitMs: fc.nat(5000),
    tookMs: fc.nat(60_000),
  });
  fc.assert(
    fc.property(fc.array(write), (writes) => {
      const limit = new UnsentLimit();
      let nowMs = 0;
      for (const { bytes, waitMs, tookMs } of writes) {
        const writtenMs = nowMs + waitMs;
        nowMs = writtenMs + tookMs;
        limit.taken(bytes, { writtenMs, nowMs });
        assert.ok(limit.unsentBytes >= 32 * KiB && limit.unsentBytes <= 2 * MiB);
      }
    }),
  );
});
