// Bodies of an upstream's answers, as much of them as we are ready to take.

import { onceAborted } from '../../shared/runtime/abort-listener.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { joinSignals } from '../../shared/runtime/joined-signal.ts';
import { StallWatch } from '../../shared/runtime/stall-watch.ts';
import type { Body, TakeBytes } from '../content/body.ts';
import { streamBody } from '../content/stream-body.ts';
import type { UpstreamResponse } from './guarded-http.ts';

/** A body that says nothing for so long, or a quarter longer, is given up: a slow line moves, a dead one does not. */
const IDLE_TIMEOUT_MS = 30_000;

/**
 * The body of an answer, poured out or iterated over, once. It ends with an error when it stops coming, breaks off, or a signal says
 * so; whoever takes a chunk may take his time. The response is closed then.
 */
export class BoundedBody implements Body, AsyncIterable<Uint8Array> {
  readonly #response: UpstreamResponse;
  readonly #signal: AbortSignal;
  readonly #stopListening: () => void;
  readonly #watch: StallWatch;
  #chunkCount = 0;
  #isTaking = false;

  /** @param signal ends it, besides the one of `pour`, and closes the response when nobody takes it. */
  constructor(deps: { readonly clock: Clock }, response: UpstreamResponse, signal: AbortSignal) {
    this.#response = response;
    this.#signal = signal;
    this.#stopListening = onceAborted(signal, () => void response.destroy());
    const readMark = (): number | undefined => (this.#isTaking ? undefined : this.#chunkCount);
    const onStall = (): void => void response.destroy(new Error('nothing came any more'));
    this.#watch = new StallWatch(deps, { readMark, onStall }, { timeoutMs: IDLE_TIMEOUT_MS });
  }

  /** Chunks are freed once they were taken. */
  async pour(take: TakeBytes, signal: AbortSignal): Promise<void> {
    using either = joinSignals([this.#signal, signal]);
    this.#watch.start();
    try {
      await streamBody(this.#response).pour((chunk) => this.#give(take, chunk), either.signal);
    } finally {
      this.#close();
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const signal = this.#signal;
    this.#watch.start();
    try {
      signal.throwIfAborted();
      for await (const chunk of this.#response as AsyncIterable<Uint8Array>) {
        this.#chunkCount += 1;
        this.#isTaking = true;
        yield chunk;
        this.#isTaking = false;
      }
      signal.throwIfAborted();
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      this.#close();
    }
  }

  #close(): void {
    this.#stopListening();
    this.#watch.stop();
    this.#response.destroy();
  }

  #give(take: TakeBytes, chunk: Uint8Array): Promise<void> | undefined {
    this.#chunkCount += 1;
    const taken = take(chunk);
    return taken === undefined ? undefined : this.#waitFor(taken);
  }

  async #waitFor(taken: Promise<void>): Promise<void> {
    this.#isTaking = true;
    try {
      await taken;
    } finally {
      this.#isTaking = false;
    }
  }
}

/** A whole body in memory. @throws {AppError} `upstream_unavailable` when it is longer than that, or breaks off. */
export async function readBody(
  deps: { readonly clock: Clock },
  response: UpstreamResponse,
  limits: { readonly maxBytes: number; readonly what: string },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { maxBytes, what } = limits;
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of new BoundedBody(deps, response, signal)) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > maxBytes) throw new AppError('upstream_unavailable', `${what} is larger than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof AppError) throw error;
    throw new AppError('upstream_unavailable', `${what} broke off`, { cause: error });
  }
  return Buffer.concat(chunks);
}
