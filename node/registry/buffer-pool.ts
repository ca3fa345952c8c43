// Recycled 1 MiB buffers for blob responses: a bounded number for the whole process, at most three for one response.

import { onceAborted } from '../../shared/runtime/abort-listener.ts';
import { invariant } from '../../shared/runtime/errors.ts';

/** Large enough that a read and a write cost little beside the bytes they move. */
export const BUFFER_BYTES = 1024 * 1024;
/** One is read into while two drain; more brought nothing when measured. */
const BUFFERS_PER_RESPONSE = 3;
/** Free buffers kept for the next response: enough for two at full speed, little for an idle process. */
const KEPT_BUFFERS = 6;

interface Waiter {
  readonly take: (buffer: Buffer) => void;
}

/** All buffers of a process. When all are out, whoever wants a first one waits in line. */
export class BufferPool {
  readonly #capacity: number;
  readonly #kept: Buffer[] = [];
  readonly #waiters = new Set<Waiter>();
  #inUse = 0;

  constructor(options: { readonly bufferCount: number }) {
    this.#capacity = options.bufferCount;
  }

  /** Buffers that are out. */
  get inUse(): number {
    return this.#inUse;
  }

  /** Takes a buffer, waiting in line for one; rejects with the signal's reason. */
  acquire(signal: AbortSignal): Promise<Buffer> {
    const buffer = this.tryAcquire();
    if (buffer !== undefined) return Promise.resolve(buffer);
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const waiter: Waiter = {
        take: (given) => {
          stopListening();
          resolve(given);
        },
      };
      const stopListening = onceAborted(signal, () => {
        this.#waiters.delete(waiter);
        reject(signal.reason);
      });
      this.#waiters.add(waiter);
    });
  }

  /** Takes a buffer if one is to be had and nobody waits. */
  tryAcquire(): Buffer | undefined {
    if (this.#waiters.size > 0 || this.#inUse >= this.#capacity) return undefined;
    this.#inUse += 1;
    return this.#kept.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
  }

  /** Gives back a buffer that nothing reads or writes any more. */
  release(buffer: Buffer): void {
    invariant(this.#inUse > 0, 'a released buffer was taken before');
    const [waiter] = this.#waiters;
    if (waiter !== undefined) {
      this.#waiters.delete(waiter);
      waiter.take(buffer);
      return;
    }
    this.#inUse -= 1;
    if (this.#kept.length < KEPT_BUFFERS) this.#kept.push(buffer);
  }
}

/** The buffers of one response. Used by one reader at a time. */
export class BufferLease {
  readonly #pool: BufferPool;
  readonly #held = new Set<Buffer>();
  readonly #free: Buffer[] = [];
  #waiting: (() => void) | undefined;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** A buffer to read into: a free one, one more while there are some to spare, or the next that comes back. */
  async take(signal: AbortSignal): Promise<Buffer> {
    for (;;) {
      signal.throwIfAborted();
      const buffer = this.#free.pop() ?? (await this.#grow(signal));
      if (buffer !== undefined) return buffer;
      // One may have come back while there was none to be had.
      if (this.#free.length === 0) await this.#nextReturn(signal);
    }
  }

  /** Takes a buffer back for the same response. */
  giveBack(buffer: Buffer): void {
    if (!this.#held.has(buffer)) return;
    this.#free.push(buffer);
    this.#waiting?.();
  }

  /** Gives every buffer back to the pool. Only when nothing of this response reads or writes any more. */
  release(): void {
    for (const buffer of this.#held) this.#pool.release(buffer);
    this.#held.clear();
    this.#free.length = 0;
  }

  async #grow(signal: AbortSignal): Promise<Buffer | undefined> {
    if (this.#held.size >= BUFFERS_PER_RESPONSE) return undefined;
    const buffer = this.#held.size === 0 ? await this.#pool.acquire(signal) : this.#pool.tryAcquire();
    if (buffer !== undefined) this.#held.add(buffer);
    return buffer;
  }

  #nextReturn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const settle = (): void => {
        this.#waiting = undefined;
        stopListening();
        resolve();
      };
      const stopListening = onceAborted(signal, () => {
        this.#waiting = undefined;
        reject(signal.reason);
      });
      this.#waiting = settle;
    });
  }
}
