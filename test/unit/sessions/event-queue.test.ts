import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EventQueue, MAX_QUEUED_FACTS } from '../../../coordinator/sessions/event-queue.ts';
import { digestOf } from '../../../shared/oci/digest.ts';

const digests = [digestOf(Buffer.from('1')), digestOf(Buffer.from('2'))] as const;

test('However changes are merged, a node that takes them ends with the same neighbours', () => {
  const change = fc.record({ swarm: fc.nat(1), node: fc.nat(5), isAdded: fc.boolean(), isTaken: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const queue = new EventQueue();
      const truth = new Set<string>();
      const view = new Set<string>();
      const take = (): boolean => {
        const event = queue.take();
        if (event?.type !== 'swarm.neighbours') return false;
        for (const nodeId of event.removed) view.delete(`${event.digest} ${nodeId}`);
        for (const { nodeId } of event.added) view.add(`${event.digest} ${nodeId}`);
        return true;
      };
      for (const { swarm, node, isAdded, isTaken } of changes) {
        const digest = digests[swarm === 0 ? 0 : 1];
        const nodeId = `n${node}`;
        const peer = { nodeId, address: 'h:1', isOrigin: false };
        queue.push({
          type: 'swarm.neighbours',
          digest,
          added: isAdded ? [peer] : [],
          removed: isAdded ? [] : [nodeId],
        });
        if (isAdded) truth.add(`${digest} ${nodeId}`);
        else truth.delete(`${digest} ${nodeId}`);
        if (isTaken) take();
      }
      while (take());

      assert.deepEqual([...view].toSorted(), [...truth].toSorted());
      assert.ok(queue.isEmpty);
    }),
  );
});

test('A queue that is too long says so', () => {
  const queue = new EventQueue();
  const nodeIds = Array.from({ length: MAX_QUEUED_FACTS }, (_, index) => `n${index}`);

  assert.equal(queue.push({ type: 'roster.removed', nodeIds }), true);
  assert.equal(queue.push({ type: 'order.replicate', digest: digests[0], sizeBytes: 1 }), false);
});

test('Orders and removed nodes are taken once each', () => {
  const queue = new EventQueue();
  queue.push({ type: 'order.replicate', digest: digests[0], sizeBytes: 1 });
  queue.push({ type: 'order.replicate', digest: digests[0], sizeBytes: 1 });
  queue.push({ type: 'roster.removed', nodeIds: ['a'] });

  assert.deepEqual(queue.take(), { type: 'roster.removed', nodeIds: ['a'] });
  assert.deepEqual(queue.take(), { type: 'order.replicate', digest: digests[0], sizeBytes: 1 });
  assert.equal(queue.take(), undefined);
});

test('An order to say all again follows the orders before it, once however often it was given', () => {
  const queue = new EventQueue();
  queue.push({ type: 'order.announce' });
  queue.push({ type: 'order.remove', digest: digests[0] });
  queue.push({ type: 'order.announce' });

  assert.deepEqual(queue.take(), { type: 'order.remove', digest: digests[0] });
  assert.ok(!queue.isEmpty);
  assert.deepEqual(queue.take(), { type: 'order.announce' });
  assert.equal(queue.take(), undefined);
  assert.ok(queue.isEmpty);
});
