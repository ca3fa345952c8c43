// A stream as a body: its buffers go to whoever takes them in the turn in which they come, without a promise for each.

import type { Readable } from 'node:stream';
import { onceAborted } from '../../shared/runtime/abort-listener.ts';
import type { Body, TakeBytes } from './body.ts';
import { freeChunk } from './spent-chunk.ts';

/** The body that `source` streams. Its buffers must be nobody else's: each is freed once it was taken. Never destroys `source`. */
export function streamBody(source: Readable): Body {
  return {
    pour: (take, signal) =>
      new Promise((resolve, reject) => {
        new Pouring(source, take, { resolve, reject }).begin(signal);
      }),
  };
}

interface Outcome {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

class Pouring {
  readonly #source: Readable;
  readonly #take: TakeBytes;
  readonly #outcome: Outcome;
  readonly #onData = (chunk: Buffer): void => this.#give(chunk);
  readonly #onEnd = (): void => this.#stop(this.#outcome.resolve);
  readonly #onError = (error: Error): void => this.#fail(error);
  readonly #onClose = (): void => this.#closed();
  #stopListening: (() => void) | undefined;
  /** True while a promise of `take` is open. */
  #isTaking = false;
  /** How it ends. Nothing happens after that but the end of a `take`. */
  #settle: (() => void) | undefined;

  constructor(source: Readable, take: TakeBytes, outcome: Outcome) {
    this.#source = source;
    this.#take = take;
    this.#outcome = outcome;
  }

  begin(signal: AbortSignal): void {
    if (signal.aborted) this.#fail(signal.reason);
    else if (this.#source.closed || this.#source.destroyed || this.#source.readableEnded) this.#closed();
    else {
      this.#stopListening = onceAborted(signal, () => this.#fail(signal.reason));
      this.#source.on('error', this.#onError).on('close', this.#onClose).on('end', this.#onEnd);
      this.#source.on('data', this.#onData).resume();
    }
  }

  #give(chunk: Buffer): void {
    try {
      const taken = this.#take(chunk);
      if (taken === undefined) freeChunk(chunk);
      else void this.#waitFor(taken, chunk);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #waitFor(taken: Promise<void>, chunk: Buffer): Promise<void> {
    this.#isTaking = true;
    this.#source.pause();
    try {
      await taken;
      freeChunk(chunk);
    } catch (error) {
      this.#fail(error);
    }
    this.#isTaking = false;
    if (this.#settle === undefined) this.#source.resume();
    else this.#settle();
  }

  #closed(): void {
    const { readableEnded, errored } = this.#source;
    if (readableEnded) this.#onEnd();
    else this.#fail(errored ?? new Error('the body broke off'));
  }

  #fail(reason: unknown): void {
    this.#stop(() => this.#outcome.reject(reason));
  }

  #stop(settle: () => void): void {
    if (this.#settle !== undefined) return;
    this.#settle = settle;
    this.#stopListening?.();
    this.#source.pause();
    this.#source.off('data', this.#onData).off('end', this.#onEnd);
    this.#source.off('error', this.#onError).off('close', this.#onClose);
    if (!this.#isTaking) settle();
  }
}
