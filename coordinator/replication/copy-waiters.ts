// Callers that wait until blobs are on enough hosts. A copy that arrives costs only those who wait for that very blob.

import type { Digest } from '../../shared/oci/digest.ts';
import { onceAborted } from '../../shared/runtime/abort-listener.ts';
import type { Clock } from '../../shared/runtime/clock.ts';

export interface CopyWait {
  readonly digests: readonly Digest[];
  readonly isEnough: (digest: Digest) => boolean;
  readonly waitMs: number;
}

interface Waiter {
  readonly missing: Set<Digest>;
  readonly isEnough: (digest: Digest) => boolean;
  readonly finish: () => void;
}

export class CopyWaiters {
  readonly #clock: Clock;
  readonly #byDigest = new Map<Digest, Set<Waiter>>();
  #count = 0;

  constructor(deps: { readonly clock: Clock }) {
    this.#clock = deps.clock;
  }

  /** How many callers wait. */
  get count(): number {
    return this.#count;
  }

  /** Resolves when every blob has enough copies or the time is over; the caller looks again at what is so. */
  wait(wait: CopyWait, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const missing = new Set(wait.digests.filter((digest) => !wait.isEnough(digest)));
      if (missing.size === 0) {
        resolve();
        return;
      }
      const leave = (): void => {
        this.#remove(waiter);
        timer.cancel();
        stopListening();
      };
      const finish = (): void => {
        leave();
        resolve();
      };
      const waiter: Waiter = { missing, isEnough: wait.isEnough, finish };
      const timer = this.#clock.schedule(wait.waitMs, finish);
      const stopListening = onceAborted(signal, () => {
        leave();
        reject(signal.reason);
      });
      this.#add(waiter);
    });
  }

  /** A copy of the blob was confirmed. */
  copyArrived(digest: Digest): void {
    for (const waiter of this.#byDigest.get(digest) ?? []) {
      if (!waiter.isEnough(digest)) continue;
      waiter.missing.delete(digest);
      this.#detach(waiter, digest);
      if (waiter.missing.size === 0) waiter.finish();
    }
  }

  /** Copies of many blobs may count anew, since their origin is within reach again. */
  copiesChanged(): void {
    for (const digest of this.#byDigest.keys()) this.copyArrived(digest);
  }

  #add(waiter: Waiter): void {
    this.#count += 1;
    for (const digest of waiter.missing) {
      const waiters = this.#byDigest.get(digest) ?? new Set();
      waiters.add(waiter);
      this.#byDigest.set(digest, waiters);
    }
  }

  #remove(waiter: Waiter): void {
    this.#count -= 1;
    for (const digest of waiter.missing) this.#detach(waiter, digest);
  }

  #detach(waiter: Waiter, digest: Digest): void {
    const waiters = this.#byDigest.get(digest);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#byDigest.delete(digest);
  }
}
