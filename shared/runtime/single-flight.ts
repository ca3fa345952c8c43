// Work that several ask for at once is done once.

import { withSignal } from './with-signal.ts';

/** One run per key at a time. Keys are as many as the callers that wait, which have limits of their own. */
export class SingleFlight<T> {
  readonly #running = new Map<string, Promise<T>>();

  /**
   * Joins the run of `key`, or starts it. A caller that leaves ends its own wait alone, so `work` gets no signal of a caller: it
   * must end by itself.
   */
  run(key: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const joined = this.#running.get(key) ?? this.#start(key, work);
    return withSignal(joined, signal);
  }

  #start(key: string, work: () => Promise<T>): Promise<T> {
    const started = work().finally(() => this.#running.delete(key));
    this.#running.set(key, started);
    started.catch(() => undefined); // each caller gets the failure; one who left does not need it
    return started;
  }
}
