import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DelayLine } from '../../../scripts/simulation/core/delay-line.ts';
import { FlowNetwork } from '../../../scripts/simulation/core/flow-network.ts';
import { SerialWork } from '../../../scripts/simulation/core/serial-work.ts';
import { TimeHeap } from '../../../scripts/simulation/core/time-heap.ts';

test('A heap gives numbers in the order of their times, however these change', () => {
  const step = fc.record({ id: fc.nat(40), atMs: fc.nat(1000), isRemoved: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new TimeHeap(4);
      const model = new Map<number, number>();
      for (const { id, atMs, isRemoved } of steps) {
        if (isRemoved) {
          heap.remove(id);
          model.delete(id);
        } else {
          heap.set(id, atMs);
          model.set(id, atMs);
        }
        assert.equal(heap.firstMs, Math.min(Infinity, ...model.values()));
        assert.equal(heap.timeOf(id), model.get(id) ?? Infinity);
      }
      while (model.size > 0) {
        const first = heap.takeFirst();
        assert.equal(model.get(first), Math.min(...model.values()));
        model.delete(first);
      }
      assert.equal(heap.firstMs, Infinity);
    }),
  );
});

test('What goes into a delay line comes out in order after the delay, however much is in it', () => {
  const line = new DelayLine(5);
  const out: number[] = [];
  for (let at = 0; at < 5000; at += 1) {
    line.push(at, at, -1 - at, at * 2);
    if (at % 3 === 0) line.take((a, b, c) => void out.push(a, b, c));
  }
  assert.equal(line.firstMs, out.length / 3 + 5);
  while (line.firstMs < Infinity) line.take((a, b, c) => void out.push(a, b, c));

  assert.deepEqual(out, Array.from({ length: 5000 }, (_, at) => [at, -1 - at, at * 2]).flat());
});

test('Work of one host is done one after the other, of several side by side', () => {
  const work = new SerialWork(2);
  work.add(0, { nowMs: 0, tookMs: 10 }, 1, 0);
  work.add(0, { nowMs: 1, tookMs: 10 }, 2, 0);
  work.add(1, { nowMs: 2, tookMs: 3 }, 3, 0);

  const done: string[] = [];
  while (work.nextMs < Infinity) {
    const atMs = work.nextMs;
    work.take((host, what) => void done.push(`${atMs}: host ${host} did ${what}`));
  }

  assert.deepEqual(done, ['5: host 1 did 3', '10: host 0 did 1', '20: host 0 did 2']);
});

test('Two flows share a link, and what one leaves the other gets', () => {
  const network = new FlowNetwork(3);
  for (const host of [0, 1, 2]) network.setLink(host, { up: 10, down: 10 });
  network.start(0, { source: 0, target: 1 }, 100, 0);
  network.start(1, { source: 0, target: 2 }, 50, 0);

  assert.equal(network.nextEndMs, 10);
  assert.equal(network.takeEnded(), 1);
  assert.equal(network.nextEndMs, 15);
});

test('Flows between zones share their pipe', () => {
  const network = new FlowNetwork(4, 1);
  for (const host of [0, 1, 2, 3]) network.setLink(host, { up: 10, down: 10 });
  network.setPipe(0, 4);
  network.start(0, { source: 0, target: 1, pipe: 0 }, 20, 0);
  network.start(1, { source: 2, target: 3, pipe: 0 }, 20, 0);

  assert.equal(network.nextEndMs, 10);
});

test('A flow that is cancelled tells what was left', () => {
  const network = new FlowNetwork(2);
  for (const host of [0, 1]) network.setLink(host, { up: 10, down: 10 });
  network.start(0, { source: 0, target: 1 }, 100, 0);

  assert.equal(network.cancel(0, 4), 60);
  assert.equal(network.isRunning(0), false);
});

test('No link carries more than it can, and every byte arrives, whatever starts and ends', () => {
  const step = fc.record({ source: fc.nat(4), target: fc.nat(4), bytes: fc.integer({ min: 1, max: 500 }) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      const network = new FlowNetwork(5, 1);
      network.setPipe(0, 7);
      for (let host = 0; host < 5; host += 1) network.setLink(host, { up: 5 + host, down: 9 - host });
      let nowMs = 0;
      let running = 0;
      for (const [flow, { source, target, bytes }] of steps.entries()) {
        const pipe = source < 2 && target >= 2 ? 0 : undefined;
        network.start(flow, { source, target, pipe }, bytes, nowMs);
        running += 1;
        assert.ok(network.maxLoad() <= 1.000001);
        if (flow % 2 === 0) continue;
        nowMs = network.nextEndMs;
        network.takeEnded();
        running -= 1;
      }
      for (; running > 0; running -= 1) {
        assert.ok(network.nextEndMs >= nowMs && network.nextEndMs < Infinity);
        nowMs = network.nextEndMs;
        network.takeEnded();
        assert.ok(network.maxLoad() <= 1.000001);
      }
      assert.equal(network.nextEndMs, Infinity);
    }),
  );
});
