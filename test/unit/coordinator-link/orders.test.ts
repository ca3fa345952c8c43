import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DigestLocks } from '../../../node/content/digest-locks.ts';
import { Orders } from '../../../node/coordinator-link/orders.ts';
import type { BlobStat } from '../../../node/content/blob-store.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { Metrics } from '../../../shared/runtime/metrics.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeLink } from '../../support/fake-link.ts';

interface World {
  readonly clock: FakeClock;
  readonly link: FakeLink;
  readonly announced: BlobStat[];
  readonly orders: Orders;
}

function makeWorld(options: {
  readonly replicate: (blob: BlobStat, signal: AbortSignal) => Promise<void>;
  readonly held?: readonly BlobStat[];
}): World {
  const clock = new FakeClock();
  const link = new FakeLink({});
  const announced: BlobStat[] = [];
  const orders = new Orders({
    link,
    clock,
    blobs: { stat: (digest) => Promise.resolve(options.held?.find((blob) => blob.digest === digest)) },
    swarm: { replicate: options.replicate },
    locks: new DigestLocks(),
    announcer: { add: (blob) => announced.push(blob) },
    log: silentLogger,
    metrics: new Metrics(),
    random: () => 1,
  });
  return { clock, link, announced, orders };
}

function blobAt(index: number): BlobStat {
  return { digest: digestOf(Buffer.from(String(index))), sizeBytes: index };
}

test('An order is carried out once and announced', async () => {
  const fetched: BlobStat[] = [];
  const { clock, link, announced, orders } = makeWorld({ replicate: async (blob) => void fetched.push(blob) });

  link.emit({ type: 'order.replicate', ...blobAt(1) });
  link.emit({ type: 'order.replicate', ...blobAt(1) });
  await clock.advance(1);

  assert.deepEqual(fetched, [blobAt(1)]);
  assert.deepEqual(announced, [blobAt(1)]);
  await orders[Symbol.asyncDispose]();
});

test('A blob that is here is announced without being fetched', async () => {
  const { clock, link, announced, orders } = makeWorld({
    replicate: () => Promise.reject(new Error('fetched')),
    held: [blobAt(1)],
  });

  link.emit({ type: 'order.replicate', ...blobAt(1) });
  await clock.advance(1);

  assert.deepEqual(announced, [blobAt(1)]);
  await orders[Symbol.asyncDispose]();
});

test('A failed order is tried again, and given up after six attempts', async () => {
  let attempts = 0;
  const { clock, link, announced, orders } = makeWorld({
    replicate: () => {
      attempts += 1;
      return Promise.reject(new AppError('blob_unavailable', 'nobody has it'));
    },
  });

  link.emit({ type: 'order.replicate', ...blobAt(1) });
  await clock.advance(1_000);
  const early = attempts;
  await clock.advance(600_000);

  assert.equal(early, 2);
  assert.equal(attempts, 6);
  assert.deepEqual(announced, []);
  await orders[Symbol.asyncDispose]();
});

test('A full disk is not tried again', async () => {
  let attempts = 0;
  const { clock, link, orders } = makeWorld({
    replicate: () => {
      attempts += 1;
      return Promise.reject(new AppError('not_enough_space', 'full'));
    },
  });

  link.emit({ type: 'order.replicate', ...blobAt(1) });
  await clock.advance(600_000);

  assert.equal(attempts, 1);
  await orders[Symbol.asyncDispose]();
});

test('Four orders run at a time, and stopping gives all of them up', async () => {
  let running = 0;
  let mostRunning = 0;
  const { clock, link, announced, orders } = makeWorld({
    replicate: (_, signal) =>
      new Promise((_resolve, reject) => {
        running += 1;
        mostRunning = Math.max(mostRunning, running);
        signal.addEventListener('abort', () => {
          running -= 1;
          reject(signal.reason);
        });
      }),
  });

  for (let index = 0; index < 20; index += 1) link.emit({ type: 'order.replicate', ...blobAt(index) });
  await clock.advance(1);
  await orders[Symbol.asyncDispose]();

  assert.equal(mostRunning, 4);
  assert.equal(running, 0);
  assert.deepEqual(announced, []);
});
