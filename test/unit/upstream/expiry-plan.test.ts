// Which copies of upstreams go.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planExpiry, type KeptCopy } from '../../../coordinator/cache/expiry-plan.ts';

const copy = (id: number, usedMs: number, ...blobs: ReadonlyArray<readonly [number, number]>): KeptCopy => ({
  id,
  usedMs,
  blobs: blobs.map(([blobId, sizeBytes]) => ({ blobId, sizeBytes })),
});

test('Copies that nobody asked for within their life go, and none when that is 0', () => {
  const copies = [copy(1, 100), copy(2, 900), copy(3, 1000)];

  assert.deepEqual(planExpiry(copies, { nowMs: 1000, ttlMs: 500, maxBytes: 0 }), [1]);
  assert.deepEqual(planExpiry(copies, { nowMs: 1_000_000, ttlMs: 0, maxBytes: 0 }), []);
});

test('The longest unused go when all are too large, and a shared blob counts once', () => {
  const shared = [1, 60] as const;
  const copies = [copy(1, 10, shared, [2, 30]), copy(2, 30, shared, [3, 20]), copy(3, 20, shared, [4, 10])];

  assert.deepEqual(planExpiry(copies, { nowMs: 30, ttlMs: 0, maxBytes: 120 }), []);
  assert.deepEqual(planExpiry(copies, { nowMs: 30, ttlMs: 0, maxBytes: 119 }), [1]);
  assert.deepEqual(planExpiry(copies, { nowMs: 30, ttlMs: 0, maxBytes: 85 }), [3, 1]);
});

test('What stays is never too large, never too old, and no older than what goes for its size', () => {
  const blob = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.constant(0)).map(([id]) => [id, id * 7] as const);
  const entry = fc.tuple(fc.integer({ min: 0, max: 1000 }), fc.array(blob, { maxLength: 5 }));

  fc.assert(
    fc.property(fc.array(entry, { maxLength: 30 }), fc.nat(300), fc.nat(1000), (entries, maxBytes, ttlMs) => {
      const copies = entries.map(([usedMs, blobs], id) => copy(id, usedMs, ...blobs));
      const leaving = new Set(planExpiry(copies, { nowMs: 1000, ttlMs, maxBytes }));
      const kept = copies.filter(({ id }) => !leaving.has(id));
      const sizes = new Map(kept.flatMap(({ blobs }) => blobs.map(({ blobId, sizeBytes }) => [blobId, sizeBytes])));
      let bytes = 0;
      for (const size of sizes.values()) bytes += size;
      assert.ok(maxBytes === 0 || bytes <= maxBytes);
      assert.ok(ttlMs === 0 || kept.every(({ usedMs }) => 1000 - usedMs <= ttlMs));
      for (const gone of copies.filter(({ id }) => leaving.has(id)))
        assert.ok(kept.every(({ usedMs }) => usedMs >= gone.usedMs));
    }),
  );
});
