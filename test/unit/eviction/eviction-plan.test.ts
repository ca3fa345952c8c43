import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { evictionOrder, excessBytes, longestUnused } from '../../../node/eviction/eviction-plan.ts';
import { digestOf } from '../../../shared/oci/digest.ts';

const HOUR_MS = 3_600_000;
const limits = { quotaBytes: 1000, highPercent: 90, lowPercent: 50, minFreeBytes: 100 };

const anyBlobs = fc
  .array(fc.record({ sizeBytes: fc.nat(1000), lastUsedMs: fc.nat(1_000_000_000), copies: fc.nat(5) }), {
    maxLength: 40,
  })
  .map((blobs) => blobs.map((blob, index) => ({ ...blob, digest: digestOf(Buffer.from(String(index))) })));

test('Nothing has to go below the high mark of the quota while enough of the disk is free', () => {
  assert.equal(excessBytes(limits, { blobBytes: 900, freeBytes: 100 }), 0);
});

test('Above the high mark of the quota as much goes as leads down to the low one', () => {
  assert.equal(excessBytes(limits, { blobBytes: 901, freeBytes: 1e9 }), 401);
});

test('A disk that runs full makes room until twice the wanted space is free', () => {
  assert.equal(excessBytes({ ...limits, quotaBytes: 0 }, { blobBytes: 5000, freeBytes: 99 }), 101);
});

test('Never more has to go than there is', () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.nat(10_000), (blobBytes, freeBytes) => {
      const excess = excessBytes(limits, { blobBytes, freeBytes });
      assert.ok(excess >= 0 && excess <= blobBytes);
    }),
  );
});

test('The longest unused are chosen, and no more than needed twice over', () => {
  fc.assert(
    fc.property(anyBlobs, fc.nat(5000), (blobs, bytes) => {
      const chosen = longestUnused(blobs, { bytes, limit: 500 });
      const latestChosenMs = Math.max(0, ...chosen.map(({ lastUsedMs }) => lastUsedMs));
      const left = blobs.filter((blob) => !chosen.includes(blob));
      assert.ok(left.every(({ lastUsedMs }) => lastUsedMs >= latestChosenMs));
      const withoutLast = chosen.slice(0, -1).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      assert.ok(chosen.length === 0 || withoutLast < 2 * bytes);
    }),
  );
});

test('Among blobs of about the same age the best copied goes first', () => {
  const nowMs = 100 * HOUR_MS;
  const blob = (name: string, ageHours: number, copies: number) => ({
    digest: digestOf(Buffer.from(name)),
    sizeBytes: 1,
    lastUsedMs: nowMs - ageHours * HOUR_MS,
    copies,
  });
  const old = blob('old', 90, 1);
  const few = blob('few', 20, 1);
  const many = blob('many', 19, 4);
  const fresh = blob('fresh', 0, 9);

  assert.deepEqual(evictionOrder([fresh, few, many, old], nowMs), [old, many, few, fresh]);
});

test('The order keeps every candidate', () => {
  fc.assert(
    fc.property(anyBlobs, (blobs) => {
      assert.deepEqual(new Set(evictionOrder(blobs, 2_000_000_000)), new Set(blobs));
    }),
  );
});
