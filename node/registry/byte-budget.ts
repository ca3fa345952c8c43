// A number of bytes of memory that all requests of one kind share. Each takes as much as it needs, and the next waits when all is taken.

import { onceAborted } from '../../shared/runtime/abort-listener.ts';
import { invariant } from '../../shared/runtime/errors.ts';

interface Waiter {
  readonly bytes: number;
  readonly go: () => void;
}

/** One holder's part of a budget. */
export interface BudgetShare {
  /** Gives back what is beyond `bytes`. */
  shrink(bytes: number): void;
  /** Gives back the rest; harmless when called again. */
  release(): void;
}

/** Parts are given in the order in which they were asked for, so that a large one gets its turn. */
export class ByteBudget {
  readonly #capacityBytes: number;
  readonly #waiters = new Set<Waiter>();
  #usedBytes = 0;

  constructor(options: { readonly capacityBytes: number }) {
    this.#capacityBytes = options.capacityBytes;
  }

  /** @param bytes at most the capacity. @throws the signal's reason */
  async take(bytes: number, signal: AbortSignal): Promise<BudgetShare> {
    invariant(bytes <= this.#capacityBytes, 'a share fits its budget');
    signal.throwIfAborted();
    if (this.#waiters.size === 0 && this.#fits(bytes)) this.#usedBytes += bytes;
    else await this.#waitFor(bytes, signal);
    return this.#share(bytes);
  }

  #share(bytes: number): BudgetShare {
    let heldBytes = bytes;
    const shrink = (toBytes: number): void => {
      this.#usedBytes -= Math.max(0, heldBytes - toBytes);
      heldBytes = Math.min(heldBytes, toBytes);
      this.#letIn();
    };
    return { shrink, release: () => shrink(0) };
  }

  #fits(bytes: number): boolean {
    return this.#usedBytes + bytes <= this.#capacityBytes;
  }

  #waitFor(bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = (): void => {
        stopListening();
        resolve();
      };
      const waiter: Waiter = { bytes, go };
      const stopListening = onceAborted(signal, () => {
        this.#waiters.delete(waiter);
        reject(signal.reason);
        this.#letIn(); // those behind it may need less
      });
      this.#waiters.add(waiter);
    });
  }

  #letIn(): void {
    for (const waiter of this.#waiters) {
      if (!this.#fits(waiter.bytes)) return;
      this.#waiters.delete(waiter);
      this.#usedBytes += waiter.bytes;
      waiter.go();
    }
  }
}
