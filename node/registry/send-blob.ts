// Sends stretches of a blob to a client. Bytes that the reader can lend go from its memory to the socket, one loan at a
// time; the others by positional reads into at most three recycled buffers of 1 MiB, the next read under way while the
// socket drains what was read before.
//
//   lent bytes ──write──▶ in the socket ──write callback──▶ loan ended
//   free buffer ──read──▶ full ──write──▶ in the socket ──write callback──▶ free buffer
//
// The status goes out with the first bytes, so a blob that cannot be read at all is still answered by an error. If
// the reader fails after that, the connection is torn: no client ever gets a complete wrong blob.

import type { ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import { rangeLength } from '../../shared/oci/byte-range.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { invariant } from '../../shared/runtime/errors.ts';
import type { LentBytes } from '../content/blob-reader.ts';
import type { Answer, BlobBody, BlobPart } from './answer.ts';
import { BUFFER_BYTES, BufferLease, type BufferPool } from './buffer-pool.ts';
import { StallWatch } from '../../shared/runtime/stall-watch.ts';

/** Up to this size a blob is read into a buffer of its own and leaves in one write together with its headers. */
const SMALL_BYTES = 64 * 1024;

export interface SendBlobDeps {
  readonly pool: BufferPool;
  readonly clock: Clock;
}

export interface SendBlobOptions {
  /** A client that takes nothing for this long is cut off. */
  readonly stallTimeoutMs: number;
}

/**
 * Sends an answer whose body is a blob. Resolves when it is out, or the client is gone; the reader is still open then.
 * @returns bytes of the blob handed to the socket.
 * @throws what the reader throws. If the response has not started then, an error can still be answered; else it is torn.
 */
export async function sendBlob(
  deps: SendBlobDeps,
  options: SendBlobOptions,
  outgoing: { readonly response: ServerResponse; readonly answer: Answer; readonly body: BlobBody },
  signal: AbortSignal,
): Promise<number> {
  const { response, answer, body } = outgoing;
  const [part] = body.parts;
  if (body.parts.length === 1 && part !== undefined && isSmall(part)) {
    return sendSmall(response, answer, { body, part }, signal);
  }
  const sender = new BlobSender(deps, options, outgoing);
  return sender.send(signal);
}

function isSmall(part: BlobPart): boolean {
  return part.prefix === undefined && rangeLength(part.range) <= SMALL_BYTES;
}

async function sendSmall(
  response: ServerResponse,
  answer: Answer,
  source: { readonly body: BlobBody; readonly part: BlobPart },
  signal: AbortSignal,
): Promise<number> {
  const { first } = source.part.range;
  const bytes = Buffer.allocUnsafe(rangeLength(source.part.range));
  let filled = 0;
  while (filled < bytes.length) {
    const count = await source.body.reader.read(bytes.subarray(filled), first + filled, signal);
    invariant(count > 0, 'a reader gives bytes before the end of its blob');
    filled += count;
  }
  response.writeHead(answer.status, answer.headers);
  response.end(bytes);
  return bytes.length;
}

function closeOf(response: ServerResponse): Promise<void> {
  if (response.closed) return Promise.resolve();
  return new Promise((resolve) => void response.once('close', resolve));
}

/** One response under way. */
class BlobSender {
  readonly #response: ServerResponse;
  readonly #answer: Answer;
  readonly #body: BlobBody;
  readonly #lease: BufferLease;
  readonly #watch: StallWatch;
  #sentBytes = 0;
  #pendingWrites = 0;
  #finishedWrites = 0;

  constructor(
    deps: SendBlobDeps,
    options: SendBlobOptions,
    outgoing: { readonly response: ServerResponse; readonly answer: Answer; readonly body: BlobBody },
  ) {
    this.#response = outgoing.response;
    this.#answer = outgoing.answer;
    this.#body = outgoing.body;
    this.#lease = new BufferLease(deps.pool);
    const readMark = (): number | undefined => (this.#pendingWrites > 0 ? this.#finishedWrites : undefined);
    const onStall = (): void => void this.#response.destroy();
    this.#watch = new StallWatch(deps, { readMark, onStall }, { timeoutMs: options.stallTimeoutMs });
  }

  async send(signal: AbortSignal): Promise<number> {
    const closed = closeOf(this.#response);
    this.#watch.start();
    try {
      for (const part of this.#body.parts) await this.#sendPart(part, signal);
      this.#response.end(this.#body.suffix);
      await closed;
    } catch (error) {
      if (this.#response.headersSent) {
        // Buffers may still be in the socket; they are free only when it is closed.
        this.#response.destroy();
        await closed;
      }
      if (!signal.aborted) throw error;
    } finally {
      this.#watch.stop();
      this.#lease.release();
    }
    return this.#sentBytes;
  }

  async #sendPart(part: BlobPart, signal: AbortSignal): Promise<void> {
    const end = part.range.last + 1;
    let position = part.range.first;
    let { prefix } = part;
    while (position < end) {
      const lent = await this.#borrow(position, end - position, signal);
      if (lent !== undefined) {
        this.#start(prefix);
        prefix = undefined;
        position += lent.bytes.byteLength;
        await this.#writeLent(lent);
        continue;
      }
      const buffer = await this.#lease.take(signal);
      const target = buffer.subarray(0, Math.min(BUFFER_BYTES, end - position));
      const count = await this.#body.reader.read(target, position, signal);
      invariant(count > 0 && count <= target.length, 'a reader gives bytes before the end of its blob');
      // A reader may overlook the signal; nothing is written for a client that has gone.
      signal.throwIfAborted();
      this.#start(prefix);
      prefix = undefined;
      this.#write(buffer.subarray(0, count), () => this.#lease.giveBack(buffer));
      position += count;
    }
  }

  /** Lent bytes are for the system alone, and encryption reads what it sends. */
  async #borrow(position: number, maxBytes: number, signal: AbortSignal): Promise<LentBytes | undefined> {
    const { socket } = this.#response;
    if (socket === null || socket instanceof TLSSocket) return undefined;
    const lent = await this.#body.reader.lend?.(position, maxBytes, signal);
    if (signal.aborted) lent?.release();
    signal.throwIfAborted();
    return lent;
  }

  #start(prefix: Uint8Array | undefined): void {
    if (!this.#response.headersSent) this.#response.writeHead(this.#answer.status, this.#answer.headers);
    if (prefix !== undefined) this.#response.write(prefix);
  }

  /** Resolves when the bytes are in the socket or the client has gone; others have had a turn by then. */
  async #writeLent(lent: LentBytes): Promise<void> {
    const response = this.#response;
    await new Promise<void>((resolve) => {
      response.once('close', resolve);
      this.#write(lent.bytes, () => {
        response.off('close', resolve);
        resolve();
      });
      if (response.closed) resolve();
    });
    lent.release();
    // A client as fast as we are would never make us wait, and so keep everybody else waiting.
    await new Promise((resolve) => void setImmediate(resolve));
  }

  #write(bytes: Uint8Array, done: () => void): void {
    this.#pendingWrites += 1;
    this.#sentBytes += bytes.byteLength;
    this.#response.write(bytes, () => {
      this.#pendingWrites -= 1;
      this.#finishedWrites += 1;
      done();
    });
  }
}
