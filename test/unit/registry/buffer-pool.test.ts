import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUFFER_BYTES, BufferLease, BufferPool } from '../../../node/registry/buffer-pool.ts';

const never = new AbortController().signal;

test('Whoever finds no buffer waits in line, and one that gives up leaves the line', async () => {
  const pool = new BufferPool({ bufferCount: 1 });
  const first = await pool.acquire(never);
  const leaving = new AbortController();
  const order: string[] = [];
  const gone = pool.acquire(leaving.signal).catch(() => order.push('gave up'));
  const second = pool.acquire(never).then((buffer) => {
    order.push('second');
    return buffer;
  });
  leaving.abort();
  await gone;
  pool.release(first);
  pool.release(await second);

  assert.deepEqual(order, ['gave up', 'second']);
  assert.equal(pool.inUse, 0);
});

test('A response takes three buffers at most, and only one while others wait', async () => {
  const pool = new BufferPool({ bufferCount: 4 });
  const lease = new BufferLease(pool);
  const taken = [await lease.take(never), await lease.take(never), await lease.take(never)];
  assert.equal(pool.inUse, 3);
  assert.equal(taken[0]?.byteLength, BUFFER_BYTES);
  const fourth = lease.take(never);
  const [returned] = taken;
  assert.ok(returned !== undefined);
  lease.giveBack(returned);
  assert.equal(await fourth, returned);

  const other = new BufferLease(pool);
  const own = await other.take(never);
  const more = other.take(never);
  other.giveBack(own);
  assert.equal(await more, own);

  lease.release();
  other.release();
  assert.equal(pool.inUse, 0);
});

test('A lease that was released ignores buffers that come back late', async () => {
  const pool = new BufferPool({ bufferCount: 1 });
  const lease = new BufferLease(pool);
  const buffer = await lease.take(never);
  lease.release();
  lease.giveBack(buffer);

  assert.equal(await pool.acquire(never), buffer);
  assert.equal(pool.tryAcquire(), undefined);
});

test('Waiting for a buffer ends with the signal', async () => {
  const pool = new BufferPool({ bufferCount: 1 });
  const lease = new BufferLease(pool);
  await lease.take(never);
  const leaving = new AbortController();
  const waiting = lease.take(leaving.signal);
  leaving.abort(new Error('client left'));

  await assert.rejects(waiting, /client left/);
  await assert.rejects(pool.acquire(leaving.signal), /client left/);
});
