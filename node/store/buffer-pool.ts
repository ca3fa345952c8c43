// A bounded amount of memory that this thread, the system's file calls and the hash threads share without copies.

import { BlockAllocator } from './block-allocator.ts';
import { MAX_PIECE_BYTES } from '../../shared/pieces/piece-table.ts';
import { onceAborted } from '../../shared/runtime/abort-listener.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';

/** Smallest block: one leaf. A shorter buffer takes as much. */
const MIN_BLOCK_BYTES = 128 * 1024;
/** The memory is let go this long after the last buffer came back. */
const IDLE_MS = 30_000;

/** Part of the pool's memory, in a SharedArrayBuffer. What it holds at first is whatever was there. */
export interface PooledBuffer {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** Gives it back; harmless when called again. */
  release(): void;
}

interface Waiter {
  readonly lengthBytes: number;
  readonly give: (buffer: PooledBuffer) => void;
}

/** Buffers of up to 4 MiB. When all memory is out, who asks waits, first come first served. */
export class BufferPool {
  readonly #clock: Pick<Clock, 'schedule'>;
  readonly #capacityBytes: number;
  readonly #blocks: BlockAllocator;
  readonly #waiters: Waiter[] = [];
  readonly #pressed = new Set<() => void>();
  #memory: SharedArrayBuffer | undefined;
  #usedBytes = 0;
  #trim: Scheduled | undefined;

  /**
   * @param options.capacityBytes all that may be out at once; a multiple of 4 MiB.
   */
  constructor(deps: { readonly clock: Pick<Clock, 'schedule'> }, options: { readonly capacityBytes: number }) {
    this.#clock = deps.clock;
    this.#capacityBytes = options.capacityBytes;
    this.#blocks = new BlockAllocator({
      capacityBytes: options.capacityBytes,
      minBlockBytes: MIN_BLOCK_BYTES,
      maxBlockBytes: MAX_PIECE_BYTES,
    });
  }

  /** Bytes out at this moment. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  get waiterCount(): number {
    return this.#waiters.length;
  }

  /** Adds a function that is called whenever somebody has to wait: give back what you do not need now. @returns its removal. */
  onPressure(listener: () => void): () => void {
    this.#pressed.add(listener);
    return () => this.#pressed.delete(listener);
  }

  /** @param lengthBytes at most 4 MiB. @throws the signal's reason when it is aborted while waiting. */
  acquire(lengthBytes: number, signal: AbortSignal): Promise<PooledBuffer> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const buffer = this.acquireNow(lengthBytes);
    if (buffer !== undefined) return Promise.resolve(buffer);
    const waiting = new Promise<PooledBuffer>((resolve, reject) => {
      const waiter: Waiter = {
        lengthBytes,
        give: (given) => {
          stopListening();
          resolve(given);
        },
      };
      const stopListening = onceAborted(signal, () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        this.#serve();
        reject(signal.reason);
      });
      this.#waiters.push(waiter);
    });
    for (const listener of this.#pressed) listener();
    return waiting;
  }

  /** @param lengthBytes at most 4 MiB. @returns undefined when one has to wait. */
  acquireNow(lengthBytes: number): PooledBuffer | undefined {
    return this.#waiters.length === 0 ? this.#take(lengthBytes) : undefined;
  }

  /** Forgets the timer that would let the memory go. */
  close(): void {
    this.#trim?.cancel();
    this.#memory = this.#usedBytes === 0 ? undefined : this.#memory;
  }

  #take(lengthBytes: number): PooledBuffer | undefined {
    const blockBytes = this.#blocks.blockBytesFor(lengthBytes);
    const offset = this.#blocks.allocate(blockBytes);
    if (offset === undefined) return undefined;
    this.#memory ??= new SharedArrayBuffer(this.#capacityBytes);
    this.#usedBytes += blockBytes;
    this.#trim?.cancel();
    let isReleased = false;
    return {
      bytes: new Uint8Array(this.#memory, offset, lengthBytes),
      release: () => {
        if (isReleased) return;
        isReleased = true;
        this.#blocks.free(offset, blockBytes);
        this.#usedBytes -= blockBytes;
        this.#serve();
        if (this.#usedBytes === 0) this.#trimLater();
      },
    };
  }

  /** Strictly in order: a large buffer must not starve behind small ones. */
  #serve(): void {
    for (let first = this.#waiters[0]; first !== undefined; first = this.#waiters[0]) {
      const buffer = this.#take(first.lengthBytes);
      if (buffer === undefined) return;
      this.#waiters.shift();
      first.give(buffer);
    }
  }

  #trimLater(): void {
    this.#trim?.cancel();
    this.#trim = this.#clock.schedule(IDLE_MS, () => {
      if (this.#usedBytes === 0) this.#memory = undefined;
    });
  }
}
