import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RequestBody } from '../../../node/registry/request-body.ts';
import { freeChunk } from '../../../node/content/spent-chunk.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';

const MIB = 1024 * 1024;

describe('freeChunk', () => {
  it('frees the memory of a chunk that has a buffer of its own', () => {
    const chunk = Buffer.alloc(64 * 1024, 7);
    freeChunk(chunk);
    assert.equal(chunk.byteLength, 0);
    assert.equal(chunk.buffer.byteLength, 0);
  });

  it('leaves a part of a larger buffer, a small chunk and shared memory as they are', () => {
    const whole = Buffer.alloc(128 * 1024, 7);
    const small = Buffer.alloc(1024, 7);
    const shared = new Uint8Array(new SharedArrayBuffer(64 * 1024));
    for (const chunk of [whole.subarray(0, 64 * 1024), whole.subarray(64 * 1024), small, shared]) {
      const { byteLength } = chunk;
      freeChunk(chunk);
      assert.equal(chunk.byteLength, byteLength);
    }
    assert.equal(whole.byteLength, 128 * 1024);
  });
});

describe('a request body', () => {
  it('streams every byte, and frees each chunk once it was taken', async () => {
    const sent = Buffer.alloc(4 * MIB);
    for (let at = 0; at < sent.length; at += 4) sent.writeUInt32LE(at, at);
    const received: Buffer[] = [];
    let largeChunks = 0;
    await exchangeBody(sent, async (body) => {
      let last: Uint8Array | undefined;
      const take = (chunk: Uint8Array): Promise<void> | undefined => {
        if (last !== undefined) assert.equal(last.byteLength, 0, 'the last chunk is free');
        received.push(Buffer.from(chunk));
        const isOwn = chunk.byteLength === chunk.buffer.byteLength && chunk.byteLength >= 16 * 1024;
        last = isOwn ? chunk : undefined;
        largeChunks += isOwn ? 1 : 0;
        return received.length % 3 === 0 ? nextTurn() : undefined;
      };
      await body.pour(take, new AbortController().signal);
    });
    assert.ok(Buffer.concat(received).equals(sent));
    assert.ok(largeChunks > 0, 'some chunks have buffers of their own');
  });

  it('keeps the chunks of a body that is read whole', async () => {
    const sent = Buffer.alloc(MIB, 'shoal');
    await exchangeBody(sent, async (body) => {
      const whole = await body.readWhole({ limitBytes: 2 * MIB, timeoutMs: 60_000 });
      assert.ok(whole.equals(sent));
    });
  });
});

/** Sends `sent` in one request and lets `read` have the body on the other side. */
async function exchangeBody(sent: Buffer, read: (body: RequestBody) => Promise<void>): Promise<void> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const arrived = once(server, 'request');
    const client = request({ port, host: '127.0.0.1', method: 'PATCH', headers: { 'content-length': sent.length } });
    client.on('error', () => undefined);
    client.end(sent);
    const [raw] = (await arrived) as [IncomingMessage];
    const onIdle = (): void => assert.fail('the client never stops');
    const body = new RequestBody({ clock: systemClock, raw, onIdle }, { idleTimeoutMs: 60_000, maxDiscardBytes: MIB });
    await read(body);
    body.finish();
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
