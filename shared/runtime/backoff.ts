// Waiting longer after each failure, by a random share of the wait: a fleet must not come back in step.

export interface BackoffLimits {
  /** Ceiling of the first wait. */
  readonly firstMs: number;
  /** Ceiling of every later wait. */
  readonly maxMs: number;
}

/** Ceilings double from `firstMs` to `maxMs`; each wait is a random part of its ceiling ("full jitter"). */
export class Backoff {
  readonly #limits: BackoffLimits;
  #ceilingMs: number;

  constructor(limits: BackoffLimits) {
    this.#limits = limits;
    this.#ceilingMs = limits.firstMs;
  }

  /** The next wait. @param random from 0 up to 1. */
  nextMs(random: number): number {
    const ceilingMs = this.#ceilingMs;
    this.#ceilingMs = Math.min(ceilingMs * 2, this.#limits.maxMs);
    return random * ceilingMs;
  }

  /** Starts over after a success. */
  reset(): void {
    this.#ceilingMs = this.#limits.firstMs;
  }
}
