// When an endpoint is tried again after failures. Pure.
//
//   each event     waits 1 s after its first failure, twice as long after each further one
//   the endpoint   after `threshold` failures in a row, of whatever events: nothing for `backoffMs`, then one attempt, and when
//                  that fails twice as long. The first success ends it.

/** Longest wait of an event, and of an endpoint whose own backoff is not longer: a receiver that is back hears of it within a minute. */
const MAX_WAIT_MS = 60_000;
/** Wait of an event after its first failure. */
const FIRST_WAIT_MS = 1_000;
/** Longest time that a receiver may ask for with `Retry-After`; a longer one counts as so much. */
const MAX_ASKED_WAIT_MS = 10 * 60_000;

/** How long an event waits after its failure number `attempts`, counted from 1. */
export function eventWaitMs(attempts: number): number {
  return Math.min(FIRST_WAIT_MS * 2 ** Math.min(attempts - 1, 30), MAX_WAIT_MS);
}

/** Counts what goes wrong with one endpoint. */
export class EndpointPauses {
  readonly #threshold: number;
  readonly #backoffMs: number;
  #failuresInRow = 0;
  #untilMs = 0;

  constructor(options: { readonly threshold: number; readonly backoffMs: number }) {
    this.#threshold = options.threshold;
    this.#backoffMs = options.backoffMs;
  }

  /** How long nothing is sent from now on; 0 when it is not paused. */
  leftMs(nowMs: number): number {
    return Math.max(0, this.#untilMs - nowMs);
  }

  /** True when so many attempts failed in a row that it is taken to be away. */
  get isAway(): boolean {
    return this.#failuresInRow >= this.#threshold;
  }

  /** @param askedMs what the receiver itself wants to be left alone for. */
  failed(nowMs: number, askedMs = 0): void {
    this.#failuresInRow += 1;
    const times = this.#failuresInRow - this.#threshold;
    const ownMs =
      times < 0 ? 0 : Math.min(this.#backoffMs * 2 ** Math.min(times, 30), Math.max(this.#backoffMs, MAX_WAIT_MS));
    this.#untilMs = nowMs + Math.max(ownMs, Math.min(askedMs, MAX_ASKED_WAIT_MS));
  }

  /** @returns true when it had been away. */
  succeeded(): boolean {
    const wasAway = this.isAway;
    this.#failuresInRow = 0;
    this.#untilMs = 0;
    return wasAway;
  }
}
