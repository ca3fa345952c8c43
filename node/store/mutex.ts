// One at a time, in the order of asking.

import { onceAborted } from '../../shared/runtime/abort-listener.ts';
import { AppError } from '../../shared/runtime/errors.ts';

/** Gives a lock back; harmless when called again. */
export type Release = () => void;

interface Waiter {
  readonly start: () => void;
}

/** A lock that is handed from holder to holder, first come first served. */
export class Mutex {
  readonly #waiters: Waiter[] = [];
  #isHeld = false;

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** How many wait; whoever lets others in from outside sets a limit. */
  get waiterCount(): number {
    return this.#waiters.length;
  }

  /** @throws the signal's reason when it is aborted while waiting. */
  async acquire(signal?: AbortSignal): Promise<Release> {
    signal?.throwIfAborted();
    if (this.#isHeld) await this.#wait(signal);
    this.#isHeld = true;
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      this.#pass();
    };
  }

  /** Hands over without a moment in between in which somebody else could take it. */
  #pass(): void {
    const next = this.#waiters.shift();
    if (next === undefined) this.#isHeld = false;
    else next.start();
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      let stopListening = (): void => undefined;
      const waiter: Waiter = {
        start: () => {
          stopListening();
          resolve();
        },
      };
      this.#waiters.push(waiter);
      if (signal === undefined) return;
      stopListening = onceAborted(signal, () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(signal.reason);
      });
    });
  }
}

/** A mutex for each key that somebody holds or waits for. */
export class KeyedMutex {
  readonly #maxWaiters: number;
  readonly #mutexes = new Map<string, { readonly mutex: Mutex; users: number }>();

  /** @param options.maxWaiters for one key; more are refused. */
  constructor(options: { readonly maxWaiters: number }) {
    this.#maxWaiters = options.maxWaiters;
  }

  /** Runs `work` while nobody else runs under the same key. @throws {AppError} `too_many_requests` */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const entry = this.#mutexes.get(key) ?? { mutex: new Mutex(), users: 0 };
    if (entry.users > this.#maxWaiters) throw new AppError('too_many_requests', 'too many wait for their turn');
    this.#mutexes.set(key, entry);
    entry.users += 1;
    try {
      const release = await entry.mutex.acquire();
      try {
        return await work();
      } finally {
        release();
      }
    } finally {
      entry.users -= 1;
      if (entry.users === 0) this.#mutexes.delete(key);
    }
  }
}
