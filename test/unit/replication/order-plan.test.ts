import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OrderPlan } from '../../../coordinator/replication/order-plan.ts';
import { digestOf } from '../../../shared/oci/digest.ts';

const MAX = 3;
const RETRY_MS = 100;
const blobs = Array.from({ length: 8 }, (_, index) => digestOf(Buffer.from(`blob ${index}`)));
const origins = ['o1', 'o2'];

test('Orders go to origins alone that lack the blob, never twice at a time, and never more than the limit', () => {
  const step = fc.oneof(
    fc.record({
      type: fc.constant('plan' as const),
      blob: fc.nat(7),
      isAvailable: fc.boolean(),
      forwardMs: fc.nat(60),
    }),
    fc.record({ type: fc.constant('arrive' as const), blob: fc.nat(7), origin: fc.constantFrom(...origins) }),
    fc.record({ type: fc.constant('forget' as const), origin: fc.constantFrom(...origins) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const plan = new OrderPlan({ maxPerOrigin: MAX, retryMs: RETRY_MS });
      const held = new Set<string>();
      const ordered = new Map<string, number>();
      let nowMs = 0;
      for (const next of steps) {
        if (next.type === 'forget') {
          plan.forget(next.origin);
          for (const key of [...ordered.keys()]) if (key.startsWith(next.origin)) ordered.delete(key);
          continue;
        }
        const digest = blobs[next.blob];
        assert.ok(digest !== undefined);
        if (next.type === 'arrive') {
          held.add(`${next.origin} ${digest}`);
          ordered.delete(`${next.origin} ${digest}`);
          plan.done(next.origin, digest);
          continue;
        }
        nowMs += next.forwardMs;
        const places = {
          digest,
          connectedOrigins: origins,
          holds: (nodeId: string) => held.has(`${nodeId} ${digest}`),
          isAvailableTo: () => next.isAvailable,
        };
        const targets = plan.plan(places, nowMs);
        for (const origin of origins) {
          const key: string = `${origin} ${digest}`;
          const live = (ordered.get(key) ?? Number.NEGATIVE_INFINITY) > nowMs;
          const count = [...ordered.keys()].filter((other) => other.startsWith(origin)).length;
          const hasRoom = ordered.has(key) || count < MAX;
          const expected: boolean = next.isAvailable && !held.has(key) && !live && hasRoom;
          assert.equal(targets.includes(origin), expected);
          if (expected) ordered.set(key, nowMs + RETRY_MS);
        }
        for (const origin of origins) assert.ok(plan.outstanding(origin) <= MAX);
        assert.equal(plan.total(), ordered.size);
      }
    }),
    { numRuns: 300 },
  );
});
