// A fetch from an upstream: how long it goes on without a client, and what other hosts get at its end.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { chunkedBody, type Body } from '../../../node/content/body.ts';
import type { ArrivingBlob, BlobStat } from '../../../node/content/blob-store.ts';
import { DigestLocks } from '../../../node/content/digest-locks.ts';
import { BlobFetches } from '../../../node/upstream/blob-fetches.ts';
import { BlobFetch, type BlobOrigin } from '../../../node/upstream/blob-fetch.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { openTestStore } from '../../support/test-store.ts';

const never = new AbortController().signal;

test('A fetch that every client left goes on for a minute from the last of them on, whoever left before', async () => {
  await using folder = await openTemporaryFolder('fetch');
  const clock = new FakeClock();
  await using store = await openTestStore({ folder: folder.path }, { clock });
  let ended: AbortSignal | undefined;
  const origin = {
    open: async (_: number, signal: AbortSignal) => {
      ended = signal;
      return { sizeBytes: 1_000_000, firstByte: 0, body: chunkedBody(silence(signal)) };
    },
  };
  const deps = {
    clock,
    log: silentLogger,
    store: store.arriving,
    keep: async () => undefined,
    onReceived: () => undefined,
  };
  const fetch = new BlobFetch(deps, { digest: digestOf(Buffer.from('a')), origin });
  const visit = async (): Promise<void> => {
    await (await fetch.join(never))?.[Symbol.asyncDispose]();
  };

  await visit();
  await clock.advance(59_000);
  await visit();
  await clock.advance(59_999);
  assert.equal(ended?.aborted, false);
  await clock.advance(1);
  assert.equal(ended?.aborted, true);
  await fetch.done;
});

test('A fetch that is over leaves no timer behind', async () => {
  const clock = new FakeClock();
  const store = { openArriving: () => Promise.reject(new AppError('not_enough_space', 'the disk is full')) };
  const origin = { open: async () => ({ sizeBytes: 10, firstByte: 0, body: chunkedBody(silence(never)) }) };
  const deps = { clock, log: silentLogger, store, keep: async () => undefined, onReceived: () => undefined };

  await new BlobFetch(deps, { digest: digestOf(Buffer.from('a')), origin }).done;

  assert.equal(clock.pendingCount, 0);
});

test('An answer for which there is no room on the disk is let go', async () => {
  const clock = new FakeClock();
  const store = { openArriving: () => Promise.reject(new AppError('not_enough_space', 'the disk is full')) };
  let ended: AbortSignal | undefined;
  const open: BlobOrigin['open'] = async (_, signal) => {
    ended = signal;
    return { sizeBytes: 10, firstByte: 0, body: chunkedBody(silence(never)) };
  };
  const deps = { clock, log: silentLogger, store, keep: async () => undefined, onReceived: () => undefined };

  await new BlobFetch(deps, { digest: digestOf(Buffer.from('a')), origin: { open } }).done;

  assert.equal(ended?.aborted, true);
});

test('A leaf that is being read for another host when the fetch ends is read from the blob', async () => {
  await using folder = await openTemporaryFolder('fetch');
  const clock = new FakeClock();
  await using store = await openTestStore({ folder: folder.path }, { clock });
  const bytes = Buffer.from('a small layer');
  const digest = digestOf(bytes);
  let over = Promise.resolve();
  const openArriving = async (blob: BlobStat): Promise<ArrivingBlob> => {
    const arriving = await store.arriving.openArriving(blob);
    arriving.read = async () => {
      await over;
      throw new Error('file closed');
    };
    return arriving;
  };
  await using fetches = new BlobFetches({
    clock,
    log: silentLogger,
    link: new FakeLink({ 'blob.add': () => ({}) }),
    leaves: {
      serve: () => undefined,
      fetch: () => Promise.reject(new Error('is not used here')),
      blame: () => undefined,
    },
    known: { rememberBlob: () => undefined },
    store: { openArriving },
    blobs: store.blobs,
    locks: new DigestLocks(),
    onAdopted: () => undefined,
    onReceived: () => undefined,
  });
  const origin = { open: async () => ({ sizeBytes: bytes.length, firstByte: 0, body: bodyOf(bytes) }) };

  const fetch = fetches.start(digest, 'up.example/a', { origin, turn: { type: 'alone' } });
  over = fetch.done;
  const leaf = await fetches.leaf({ digest, leafIndex: 0 }, never);

  assert.deepEqual(Buffer.from(leaf ?? []), bytes);
});

for (const outcome of ['right', 'wrong'] as const) {
  test(`The last byte of a blob is not lent before its digest was checked, and the digest is ${outcome}`, async () => {
    await using folder = await openTemporaryFolder('fetch');
    const clock = new FakeClock();
    await using store = await openTestStore({ folder: folder.path }, { clock });
    const bytes = Buffer.from('a small layer');
    const digest = digestOf(outcome === 'right' ? bytes : Buffer.from('another'));
    const gate = new EventEmitter();
    const verifying = once(gate, 'verifying');
    const asked: Array<readonly [position: number, maxBytes: number]> = [];
    const openArriving = async (blob: BlobStat): Promise<ArrivingBlob> => {
      const arriving = await store.arriving.openArriving(blob);
      const verify = arriving.verify.bind(arriving);
      arriving.verify = async () => {
        const go = once(gate, 'go');
        gate.emit('verifying');
        await go;
        await verify();
      };
      arriving.lend = async (...place) => {
        asked.push(place);
        return undefined;
      };
      return arriving;
    };
    const origin = { open: async () => ({ sizeBytes: bytes.length, firstByte: 0, body: bodyOf(bytes) }) };
    const keep = async (): Promise<void> => undefined;
    const deps = { clock, log: silentLogger, store: { openArriving }, keep, onReceived: () => undefined };
    const fetch = new BlobFetch(deps, { digest, origin });
    const reader = await fetch.join(never);
    assert.ok(reader?.lend !== undefined);
    await verifying;

    await reader.lend(5, 100, never);
    assert.deepEqual(asked.splice(0), [[5, bytes.length - 1 - 5]]);
    const last = reader.lend(bytes.length - 1, 100, never);
    const end = outcome === 'right' ? last : assert.rejects(last, { code: 'digest_mismatch' });
    gate.emit('go');

    await end;
    assert.deepEqual(asked, outcome === 'right' ? [[bytes.length - 1, 1]] : []);
    assert.equal(await reader.lend(bytes.length, 100, never), undefined);
    await reader[Symbol.asyncDispose]();
    await fetch.done;
  });
}

function bodyOf(bytes: Uint8Array): Body {
  return chunkedBody(Readable.from([bytes]));
}

async function* silence(signal: AbortSignal): AsyncGenerator<Uint8Array> {
  await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
  yield new Uint8Array(0);
}
