import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BufferPool } from '../../../node/store/buffer-pool.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const MIB = 1024 * 1024;
const never = new AbortController().signal;

test('Who asks for more than there is waits, first come first served', async () => {
  const pool = openPool();
  const first = await pool.acquire(4 * MIB, never);
  const order: string[] = [];
  const large = pool.acquire(4 * MIB, never).then((buffer) => (order.push('large'), buffer.release()));
  const small = pool.acquire(1, never).then((buffer) => (order.push('small'), buffer.release()));

  assert.equal(pool.waiterCount, 2);
  first.release();
  await Promise.all([large, small]);

  assert.deepEqual(order, ['large', 'small']);
  assert.equal(pool.usedBytes, 0);
});

test('A waiter whose signal is aborted makes way for the next', async () => {
  const pool = openPool();
  const half = await pool.acquire(2 * MIB, never);
  const gone = new AbortController();
  const large = pool.acquire(4 * MIB, gone.signal);
  const small = pool.acquire(1 * MIB, never);

  gone.abort(new Error('gone'));

  await assert.rejects(large, /gone/);
  assert.equal((await small).bytes.byteLength, MIB);
  half.release();
});

test('Waiting presses those who hold memory that they could give back', async () => {
  const pool = openPool();
  const held = await pool.acquire(4 * MIB, never);
  const stop = pool.onPressure(() => held.release());

  const buffer = await pool.acquire(4 * MIB, never);
  stop();

  assert.equal(buffer.bytes.byteLength, 4 * MIB);
});

test('A buffer given back twice is free once', async () => {
  const pool = openPool();
  const [a, b] = [await pool.acquire(2 * MIB, never), await pool.acquire(2 * MIB, never)];

  a.release();
  a.release();

  assert.equal(pool.usedBytes, 2 * MIB);
  b.release();
});

test('The memory is let go after half a minute of rest, and not before', async () => {
  const clock = new FakeClock();
  const pool = new BufferPool({ clock }, { capacityBytes: 4 * MIB });
  const memoryOf = async (): Promise<SharedArrayBuffer> => {
    const buffer = await pool.acquire(1, never);
    buffer.release();
    return buffer.bytes.buffer;
  };
  const first = await memoryOf();

  await clock.advance(29_000);
  assert.equal(await memoryOf(), first);
  await clock.advance(31_000);

  assert.notEqual(await memoryOf(), first);
});

function openPool(): BufferPool {
  return new BufferPool({ clock: new FakeClock() }, { capacityBytes: 4 * MIB });
}
