// What happens on a connection when one of its ends stops, leaves or breaks in the middle.

import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';
import type { BlobReader } from '../../../node/content/blob-reader.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { createFakeContent, readerOf, type FakeContent } from '../../support/fake-content.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { listenRegistry } from '../../support/registry-listener.ts';
import { RegistryWire, assertError, digestText } from '../../support/registry-wire.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const GET_BLOB = `GET /v2/a/blobs/${DIGEST} HTTP/1.1\r\nHost: x\r\n\r\n`;
const LARGE_BYTES = 64 * 1024 * 1024;

/** Content that opens this reader for every digest, and tells when it was closed. */
function contentOf(reader: Pick<BlobReader, 'sizeBytes' | 'read'>): {
  readonly content: FakeContent;
  readonly closed: Promise<void>;
} {
  const content = createFakeContent();
  let close: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => {
    close = resolve;
  });
  const open = (): Promise<BlobReader> =>
    Promise.resolve({
      sizeBytes: reader.sizeBytes,
      read: (target, position, signal) => reader.read(target, position, signal),
      [Symbol.asyncDispose]: () => {
        close();
        return Promise.resolve();
      },
    });
  return { content: { ...content, blobs: { ...content.blobs, open } }, closed };
}

test('A reader that fails before its first byte is answered by an error', async () => {
  const read = (): Promise<never> => Promise.reject(new AppError('blob_unavailable', 'nobody has it'));
  for (const sizeBytes of [100, LARGE_BYTES]) {
    const { content, closed } = contentOf({ sizeBytes, read });
    await using registry = await listenRegistry({ content });
    assertError(await new RegistryWire(registry.baseUrl).send('GET', `/v2/a/blobs/${DIGEST}`), 503, 'UNAVAILABLE');
    await closed;
  }
});

test('A reader that fails in the middle tears the connection, so no client gets a complete wrong blob', async () => {
  const read: BlobReader['read'] = (target, position) => {
    if (position > 3_000_000) return Promise.reject(new AppError('digest_mismatch', 'it was another blob'));
    return Promise.resolve(target.byteLength);
  };
  const { content, closed } = contentOf({ sizeBytes: LARGE_BYTES, read });
  await using registry = await listenRegistry({ content });
  await using connection = await RawConnection.open(registry.baseUrl);
  connection.send(GET_BLOB);

  const received = await connection.rest();

  assert.ok(received.toString('latin1').startsWith('HTTP/1.1 200 OK'));
  assert.ok(received.length < LARGE_BYTES);
  await closed;
});

test('A reader that ends too early tears the connection', async () => {
  const read: BlobReader['read'] = (target, position) => Promise.resolve(position === 0 ? target.byteLength : 0);
  const { content, closed } = contentOf({ sizeBytes: LARGE_BYTES, read });
  await using registry = await listenRegistry({ content });
  await using connection = await RawConnection.open(registry.baseUrl);
  connection.send(GET_BLOB);

  assert.ok((await connection.rest()).length < LARGE_BYTES);
  await closed;
});

test('A client that leaves ends the reading, and its buffers serve the next one', async () => {
  const waiting: (() => void)[] = [];
  const read: BlobReader['read'] = (target, position, signal) =>
    new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      if (position === 0) resolve(target.byteLength);
      else waiting.shift()?.();
    });
  const { content } = contentOf({ sizeBytes: LARGE_BYTES, read });
  await using registry = await listenRegistry({ content }, { blobBufferCount: 1 });
  for (let round = 0; round < 5; round += 1) {
    // One buffer for all: a round would wait for ever if the round before had kept it.
    await using connection = await RawConnection.open(registry.baseUrl);
    const isReading = new Promise<void>((resolve) => void waiting.push(resolve));
    connection.send(GET_BLOB);
    await isReading;
    connection.destroy();
  }
});

test('A client that takes nothing for a long time is cut off', async () => {
  const clock = new FakeClock();
  const { content, closed } = contentOf({
    sizeBytes: 1024 * LARGE_BYTES,
    read: (target) => Promise.resolve(target.byteLength),
  });
  await using registry = await listenRegistry({ content, clock });
  await using connection = await RawConnection.open(registry.baseUrl);
  connection.pause();
  connection.send(GET_BLOB);
  let isClosed = false;
  const noticed = closed.then(() => {
    isClosed = true;
  });

  // The socket fills at its own pace; time only counts once it is full.
  while (!isClosed) {
    await nextTurn();
    await clock.advance(75_000);
  }

  await noticed;
});

test('A blob is never sent wrong because buffers are shared', async () => {
  const bytes = Buffer.alloc(7 * 1024 * 1024 + 5);
  for (let offset = 0; offset < bytes.length; offset += 4)
    bytes.writeUInt32LE(offset % 2 ** 32, Math.min(offset, bytes.length - 4));
  const source = readerOf(bytes);
  // Reads of odd lengths that take turns with the writes.
  const read: BlobReader['read'] = async (target, position, signal) => {
    await nextTurn();
    return source.read(target.subarray(0, 1 + ((position * 7919) % target.byteLength)), position, signal);
  };
  const { content } = contentOf({ sizeBytes: bytes.length, read });
  await using registry = await listenRegistry({ content }, { blobBufferCount: 2 });
  const wire = new RegistryWire(registry.baseUrl);

  const answers = await Promise.all([1, 2, 3, 4, 5].map(() => wire.send('GET', `/v2/a/blobs/${DIGEST}`)));

  for (const { body } of answers) assert.equal(digestText(body), digestText(bytes));
});

test('[J-7] A body that stops arriving is answered by 408 and its session keeps what came', async () => {
  const clock = new FakeClock();
  await using registry = await listenRegistry({ clock });
  const wire = new RegistryWire(registry.baseUrl);
  const session = await wire.openUpload('a');
  await using connection = await RawConnection.open(registry.baseUrl);
  connection.send(`PATCH ${session} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n`);
  await connection.continued();
  connection.send('abc');

  const answered = connection.answer();
  let isAnswered = false;
  void answered.then(() => {
    isAnswered = true;
  });
  while (!isAnswered) await clock.advance(15_000);

  assert.equal((await answered).status, 408);
  await connection.rest();
  assert.equal((await wire.send('PATCH', session, { body: 'def' })).status, 202);
});

test('[J-7] A body that moves may take as long as it likes', async () => {
  const clock = new FakeClock();
  const content = createFakeContent();
  const arrived: (() => void)[] = [];
  const append: FakeContent['uploads']['append'] = async (_repository, _id, { body }, signal) => {
    let sizeBytes = 0;
    const take = (part: Uint8Array): undefined => {
      sizeBytes += part.byteLength;
      arrived.shift()?.();
    };
    await body.pour(take, signal);
    return sizeBytes;
  };
  const uploads = Object.assign(Object.create(content.uploads) as FakeContent['uploads'], {
    append,
    owner: async () => undefined,
  });
  await using registry = await listenRegistry({ clock, content: { ...content, uploads } });
  await using connection = await RawConnection.open(registry.baseUrl);
  connection.send(
    'PATCH /v2/a/blobs/uploads/11111111-1111-1111-1111-111111111111 HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\nExpect: 100-continue\r\n\r\n',
  );
  await connection.continued();
  for (let second = 0; second < 30; second += 1) {
    const isHere = new Promise<void>((resolve) => void arrived.push(resolve));
    connection.send('x');
    await isHere;
    await clock.advance(45_000);
  }

  assert.deepEqual((await connection.answer()).header('range'), ['0-29']);
});

test('[H-12] The rest of a refused body is read up to a limit, then the connection ends', async () => {
  await using registry = await listenRegistry({}, { maxDiscardBytes: 1000 });
  await using connection = await RawConnection.open(registry.baseUrl);
  connection.send('PUT /v2/A/manifests/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n');
  assert.equal((await connection.answer()).status, 400);
  connection.send(Buffer.alloc(100_000));

  assert.equal((await connection.rest()).length, 0);
});

test('Broken framing in the middle of a download tears it instead of adding an error to the blob', async () => {
  const { content, closed } = contentOf({
    sizeBytes: 1024 * LARGE_BYTES,
    read: (target) => Promise.resolve(target.fill(0).byteLength),
  });
  await using registry = await listenRegistry({ content });
  await using connection = await RawConnection.open(registry.baseUrl);
  connection.send(`GET /v2/a/blobs/${DIGEST} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
  assert.equal((await connection.answer({ method: 'HEAD' })).status, 200);
  connection.send('not a chunk\r\n\r\n');

  assert.equal((await connection.rest()).indexOf('HTTP/1.1'), -1);
  await closed;
});

test('[H-8] Broken framing of an upload is refused and commits nothing', async () => {
  await using registry = await listenRegistry();
  const wire = new RegistryWire(registry.baseUrl);
  const session = await wire.openUpload('a');
  await using connection = await RawConnection.open(registry.baseUrl);
  connection.send(
    `PUT ${session}?digest=${digestText('abc')} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n`,
  );

  assert.equal((await connection.answer()).status, 400);
  await connection.rest();
  assert.equal((await wire.send('HEAD', `/v2/a/blobs/${digestText('abc')}`)).status, 404);
});

test('Connections beyond the limit are closed', async () => {
  await using registry = await listenRegistry({}, { maxConnections: 1 });
  await using first = await RawConnection.open(registry.baseUrl);
  first.send('GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.equal((await first.answer()).status, 200);
  await using second = await RawConnection.open(registry.baseUrl);
  second.send('GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n');

  assert.equal((await second.rest()).length, 0);
});

test('Closing waits for the answers under way, then for nothing', async () => {
  let release: () => void = () => undefined;
  const isReleased = new Promise<void>((resolve) => {
    release = resolve;
  });
  const read: BlobReader['read'] = async (target, position) => {
    if (position > 0) await isReleased;
    return target.byteLength;
  };
  const { content } = contentOf({ sizeBytes: 4 * 1024 * 1024, read });
  await using registry = await listenRegistry({ content });
  await using connection = await RawConnection.open(registry.baseUrl);
  connection.send(GET_BLOB);
  assert.equal((await connection.answer({ method: 'HEAD' })).status, 200);

  const closed = registry.close();
  release();
  await closed;

  assert.equal((await connection.rest()).length, 4 * 1024 * 1024);
});
