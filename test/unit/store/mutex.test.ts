import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyedMutex, Mutex } from '../../../node/store/mutex.ts';

test('A lock goes from hand to hand in the order of asking', async () => {
  const mutex = new Mutex();
  const order: number[] = [];
  const release = await mutex.acquire();
  const others = [1, 2, 3].map(async (number) => {
    const releaseOther = await mutex.acquire();
    order.push(number);
    releaseOther();
  });

  release();
  release();
  await Promise.all(others);

  assert.deepEqual(order, [1, 2, 3]);
  assert.equal(mutex.isHeld, false);
});

test('A waiter that gives up is passed over', async () => {
  const mutex = new Mutex();
  const release = await mutex.acquire();
  const gone = new AbortController();
  const first = mutex.acquire(gone.signal);
  const second = mutex.acquire();

  gone.abort(new Error('gone'));
  release();

  await assert.rejects(first, /gone/);
  (await second)();
  assert.equal(mutex.isHeld, false);
});

test('Work under one key runs alone, under two keys at once, and too many are refused', async () => {
  const mutex = new KeyedMutex({ maxWaiters: 1 });
  const running = new Set<string>();
  let most = 0;
  const work = (name: string) => async (): Promise<void> => {
    running.add(name);
    most = Math.max(most, running.size);
    await new Promise((resolve) => setImmediate(resolve));
    running.delete(name);
  };

  const done = [mutex.run('a', work('a1')), mutex.run('a', work('a2')), mutex.run('b', work('b1'))];
  const refused = mutex.run('a', work('a3'));

  await assert.rejects(refused, { code: 'too_many_requests' });
  await Promise.all(done);
  assert.equal(most, 2);
  await mutex.run('a', work('a4'));
});
