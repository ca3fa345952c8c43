import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteBudget } from '../../../node/registry/byte-budget.ts';

const { signal } = new AbortController();

test('What fits is given at once, what does not waits its turn, and what is given back lets it in', async () => {
  const budget = new ByteBudget({ capacityBytes: 10 });
  const first = await budget.take(8, signal);
  const order: string[] = [];
  const large = budget.take(9, signal).then((share) => {
    order.push('large');
    return share;
  });
  const small = budget.take(1, signal).then((share) => {
    order.push('small');
    return share;
  });
  first.shrink(2);
  await Promise.resolve();
  assert.deepEqual(order, []);

  first.release();
  first.release();
  await Promise.all([large, small]);
  assert.deepEqual(order, ['large', 'small']);
  (await large).release();
  (await small).release();
  (await budget.take(10, signal)).release();
});

test('Who stops waiting lets those behind it in, and holds nothing', async () => {
  const budget = new ByteBudget({ capacityBytes: 10 });
  const held = await budget.take(5, signal);
  const leaving = new AbortController();
  const large = budget.take(10, leaving.signal);
  const small = budget.take(5, signal);
  leaving.abort(new Error('left'));

  await assert.rejects(large, /left/);
  (await small).release();
  held.release();
  (await budget.take(10, signal)).release();
});
