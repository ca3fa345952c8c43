// Answers from bytes that a reader lends: the same as from bytes that are read, and every loan ends.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlobReader } from '../../../node/content/blob-reader.ts';
import { createFakeContent, readerOf, type FakeContent } from '../../support/fake-content.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RawConnection } from '../../support/raw-connection.ts';
import { listenRegistry } from '../../support/registry-listener.ts';
import { RegistryWire, digestText } from '../../support/registry-wire.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const PATH = `/v2/a/blobs/${DIGEST}`;
const GET_BLOB = `GET ${PATH} HTTP/1.1\r\nHost: x\r\n\r\n`;
const BLOB_BYTES = 9 * 1024 * 1024 + 5;

interface Lender {
  readonly content: FakeContent;
  readonly bytes: Buffer;
  /** Loans made, and those that have not ended. */
  readonly loans: { made: number; open: number };
  readonly closed: Promise<void>;
}

/** Content whose one blob is lent, but for stretches that `isLent` denies. */
function lendingContent(isLent: (position: number) => boolean = () => true): Lender {
  const bytes = Buffer.alloc(BLOB_BYTES);
  for (let at = 0; at + 4 <= bytes.length; at += 4) bytes.writeUInt32LE(at, at);
  const loans = { made: 0, open: 0 };
  const content = createFakeContent();
  let close: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => {
    close = resolve;
  });
  const open = (): Promise<BlobReader> =>
    Promise.resolve({
      ...readerOf(bytes),
      lend: (position, maxBytes) => {
        if (!isLent(position)) return Promise.resolve(undefined);
        loans.made += 1;
        loans.open += 1;
        const lent = bytes.subarray(position, position + Math.min(maxBytes, 700_001));
        return Promise.resolve({ bytes: lent, release: () => void (loans.open -= 1) });
      },
      [Symbol.asyncDispose]: () => {
        close();
        return Promise.resolve();
      },
    });
  return { content: { ...content, blobs: { ...content.blobs, open } }, bytes, loans, closed };
}

test('Lent bytes are sent as they are, whole, in ranges and in turn with bytes that are read', async () => {
  for (const isLent of [() => true, (position: number) => position % 3 === 0]) {
    const { content, bytes, loans } = lendingContent(isLent);
    await using registry = await listenRegistry({ content });
    const wire = new RegistryWire(registry.baseUrl);
    const range = (value: string): ReturnType<RegistryWire['send']> =>
      wire.send('GET', PATH, { headers: { range: `bytes=${value}` } });

    assert.equal(digestText((await wire.send('GET', PATH)).body), digestText(bytes));
    assert.ok((await range('3-4000002')).body.equals(bytes.subarray(3, 4_000_003)));
    assert.ok((await range('-1000000')).body.equals(bytes.subarray(-1_000_000)));
    const parts = (await range('0-99999,4000000-7999999')).body;
    assert.ok(parts.includes(bytes.subarray(0, 100_000)) && parts.includes(bytes.subarray(4_000_000, 8_000_000)));
    assert.ok(loans.made > 5);
    assert.equal(loans.open, 0);
  }
});

test('Requests sent ahead on one connection are answered one after the other from lent bytes', async () => {
  const { content, loans } = lendingContent();
  await using registry = await listenRegistry({ content });
  await using connection = await RawConnection.open(registry.baseUrl);

  connection.send(GET_BLOB + GET_BLOB + GET_BLOB.replace('Host: x', 'Host: x\r\nConnection: close'));
  const received = await connection.rest();

  assert.equal(received.toString('latin1').split('HTTP/1.1 200 OK').length, 4);
  assert.ok(received.length > 3 * BLOB_BYTES && received.length < 3 * BLOB_BYTES + 3000);
  assert.equal(loans.open, 0);
});

test('A client that leaves in the middle ends its loan', async () => {
  const { content, loans, closed } = lendingContent();
  await using registry = await listenRegistry({ content });
  await using connection = await RawConnection.open(registry.baseUrl);
  connection.pause();
  connection.send(GET_BLOB);
  while (loans.made === 0) await nextTurn();

  connection.destroy();
  await closed;

  assert.equal(loans.open, 0);
});

test('A client that takes nothing of lent bytes for a long time is cut off', async () => {
  const clock = new FakeClock();
  const lender = lendingContent();
  const endless: BlobReader['lend'] = () => Promise.resolve({ bytes: lender.bytes, release: () => undefined });
  const open: FakeContent['blobs']['open'] = async (...request) => {
    const reader = await lender.content.blobs.open(...request);
    return reader === undefined ? undefined : { ...reader, sizeBytes: 2 ** 40, lend: endless };
  };
  const content = { ...lender.content, blobs: { ...lender.content.blobs, open } };
  await using registry = await listenRegistry({ content, clock });
  await using connection = await RawConnection.open(registry.baseUrl);
  connection.pause();
  connection.send(GET_BLOB);
  let isClosed = false;
  const noticed = lender.closed.then(() => {
    isClosed = true;
  });

  while (!isClosed) {
    await nextTurn();
    await clock.advance(75_000);
  }

  await noticed;
});
