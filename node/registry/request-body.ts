// The body of a request: passed on as it comes, never gathered except for manifests, and never left unread.

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Body, TakeBytes } from '../content/body.ts';
import { streamBody } from '../content/stream-body.ts';
import { LOOKS_PER_TIMEOUT, StallWatch } from '../../shared/runtime/stall-watch.ts';

export interface RequestBodyOptions {
  readonly idleTimeoutMs: number;
  readonly maxDiscardBytes: number;
}

export class RequestBody implements Body {
  readonly #clock: Clock;
  readonly #raw: IncomingMessage;
  readonly #options: RequestBodyOptions;
  readonly #watch: StallWatch;
  #isIdle = false;
  #afterDiscard: (() => void) | undefined;
  readonly #onIdle: () => void;

  /** @param onIdle called once when the client has stopped sending; it may still answer. The connection ends soon after. */
  constructor(
    deps: { readonly clock: Clock; readonly raw: IncomingMessage; readonly onIdle: () => void },
    options: RequestBodyOptions,
  ) {
    this.#clock = deps.clock;
    this.#raw = deps.raw;
    this.#options = options;
    this.#onIdle = deps.onIdle;
    const readMark = (): number | undefined => this.#readMark();
    const onStall = (): void => this.#giveUp();
    this.#watch = new StallWatch(deps, { readMark, onStall }, { timeoutMs: options.idleTimeoutMs });
  }

  /** What `Content-Length` says; undefined for a chunked body, 0 when there is none. */
  get lengthBytes(): number | undefined {
    const { headers } = this.#raw;
    if (headers['transfer-encoding'] !== undefined) return undefined;
    return Number(headers['content-length'] ?? 0);
  }

  /** False only when it is certain that no byte will come. */
  get mayHaveBytes(): boolean {
    return this.lengthBytes !== 0;
  }

  /** The bytes as they arrive. What is not taken leaves the connection open. */
  pour(take: TakeBytes, signal: AbortSignal): Promise<void> {
    this.#watch.start();
    return streamBody(this.#raw).pour(take, signal);
  }

  /** Whether at least one byte comes; waits for it where the client did not say. @throws when the client goes away before. */
  async hasBytes(signal: AbortSignal): Promise<boolean> {
    const { lengthBytes } = this;
    if (lengthBytes !== undefined) return lengthBytes > 0;
    if (this.#raw.readableLength > 0 || this.#raw.complete) return this.#raw.readableLength > 0;
    if (this.#raw.destroyed) throw new Error('the body broke off');
    this.#watch.start();
    await once(this.#raw, 'readable', { signal });
    return this.#raw.readableLength > 0;
  }

  /**
   * The whole body. A client that has not sent it within `timeoutMs` is told, however steadily it sends, and the
   * connection ends. @throws {AppError} `manifest_too_large` as soon as it is longer than `limitBytes`; `timed_out`
   */
  async readWhole({
    limitBytes,
    timeoutMs,
  }: {
    readonly limitBytes: number;
    readonly timeoutMs: number;
  }): Promise<Buffer> {
    let deadline = this.#clock.schedule(timeoutMs, () => {
      this.#giveUp();
      deadline = this.#clock.schedule(timeoutMs / LOOKS_PER_TIMEOUT, () => this.end());
    });
    try {
      return await this.#gather(limitBytes);
    } finally {
      deadline.cancel();
    }
  }

  async #gather(limitBytes: number): Promise<Buffer> {
    const tooLarge = new AppError('manifest_too_large', `the body may have at most ${limitBytes} bytes`);
    if ((this.lengthBytes ?? 0) > limitBytes) throw tooLarge;
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    for await (const chunk of this.#chunks()) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > limitBytes) throw tooLarge;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, sizeBytes);
  }

  #chunks(): AsyncIterable<Uint8Array> {
    this.#watch.start();
    return this.#raw.iterator({ destroyOnReturn: false });
  }

  /** Ends the connection; whoever still reads the body is told that no more will come. */
  end(): void {
    this.#watch.stop();
    this.#raw.destroy(new AppError('timed_out', 'the request body stopped arriving'));
  }

  /** True when bytes of the body may still come or wait unread. */
  get isUnread(): boolean {
    return this.mayHaveBytes && !this.#raw.readableEnded && !this.#raw.destroyed;
  }

  /** Calls `act` once, when `finish` has thrown the rest of the body away or the client is gone. */
  afterDiscard(act: () => void): void {
    this.#afterDiscard = act;
  }

  /** Ends the watch over a body that was read. What was not read is read and thrown away, up to a limit, so that the client sees the answer. */
  finish(): void {
    const raw = this.#raw;
    if (!this.isUnread) {
      this.#watch.stop();
      this.#afterDiscard?.();
      return;
    }
    let leftBytes = this.#options.maxDiscardBytes;
    const { socket } = raw;
    // Once the answer is out, a connection that closes is no longer told to its request.
    const stop = (): void => {
      this.#watch.stop();
      socket.off('close', stop);
      this.#afterDiscard?.();
      this.#afterDiscard = undefined;
    };
    this.#watch.start();
    socket.on('close', stop);
    raw.once('end', stop).once('close', stop);
    raw.on('error', () => {
      // The rest of this body means nothing to anybody.
    });
    raw.on('data', (chunk: Buffer) => {
      leftBytes -= chunk.length;
      if (leftBytes < 0) raw.destroy();
    });
    raw.resume();
  }

  /** Bytes that came over the connection; undefined while some wait for us to read them. */
  #readMark(): number | undefined {
    const { readableLength, socket, complete } = this.#raw;
    return readableLength > 0 || complete ? undefined : socket.bytesRead;
  }

  /** First tells the client; a quarter of the timeout later ends the connection, whether that was heard or not. */
  #giveUp(): void {
    if (this.#isIdle) {
      this.end();
      return;
    }
    this.#isIdle = true;
    this.#onIdle();
  }
}
