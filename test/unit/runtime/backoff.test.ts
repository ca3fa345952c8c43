import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from '../../../shared/runtime/backoff.ts';

test('Ceilings double up to the limit, and each wait is a random share of its ceiling', () => {
  const backoff = new Backoff({ firstMs: 250, maxMs: 1500 });

  const waits = [1, 1, 0.5, 1, 1].map((random) => backoff.nextMs(random));

  assert.deepEqual(waits, [250, 500, 500, 1500, 1500]);
});

test('A success starts over', () => {
  const backoff = new Backoff({ firstMs: 250, maxMs: 1500 });
  backoff.nextMs(1);

  backoff.reset();

  assert.equal(backoff.nextMs(1), 250);
});
