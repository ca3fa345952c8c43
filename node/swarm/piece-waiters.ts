// Clients that wait for a piece, or for anything to happen.

import { withSignal } from '../../shared/runtime/with-signal.ts';

interface Waiter {
  /** Undefined: whatever happens next. */
  readonly piece: number | undefined;
  readonly wake: () => void;
}

/** As many as there are readers; each waits for one piece at a time. */
export class PieceWaiters {
  readonly #waiters = new Set<Waiter>();

  /** Resolves at the next `wake` for `piece`, or `wakeAll`. @throws the signal's reason */
  async wait(piece: number | undefined, signal: AbortSignal): Promise<void> {
    let wake: () => void = () => undefined;
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const waiter = { piece, wake };
    this.#waiters.add(waiter);
    try {
      await withSignal(woken, signal);
    } finally {
      this.#waiters.delete(waiter);
    }
  }

  wake(piece: number): void {
    for (const waiter of this.#waiters) if (waiter.piece === piece) waiter.wake();
  }

  wakeAll(): void {
    for (const waiter of this.#waiters) waiter.wake();
  }
}
