// Something that changes, and those who wait for it to.

import { withSignal } from './with-signal.ts';

export class Changes {
  #next = promised();

  /** Resolves with the next `tell`. @throws the signal's reason */
  next(signal: AbortSignal): Promise<void> {
    return withSignal(this.#next.promise, signal);
  }

  /** Wakes all who wait now. */
  tell(): void {
    const told = this.#next;
    this.#next = promised();
    told.resolve();
  }
}

function promised(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
