// Notices that the other end of a connection has stopped moving, without a timer per chunk.

import type { Clock, Scheduled } from './clock.ts';

/** How often a watch looks within its timeout; it fires between one and one and a quarter timeouts after the last move. */
export const LOOKS_PER_TIMEOUT = 4;

/** Calls `onStall` when a mark has not moved for the whole timeout, and again after each further quarter of it. */
export class StallWatch {
  readonly #clock: Clock;
  readonly #readMark: () => number | undefined;
  readonly #onStall: () => void;
  readonly #intervalMs: number;
  #scheduled: Scheduled | undefined;
  #mark: number | undefined;
  #idleLooks = 0;

  /**
   * @param watched.readMark a number that grows while the other end moves; undefined while it is not the one to move.
   * @param options.timeoutMs how long it may stand still.
   */
  constructor(
    deps: { readonly clock: Clock },
    watched: { readonly readMark: () => number | undefined; readonly onStall: () => void },
    options: { readonly timeoutMs: number },
  ) {
    this.#clock = deps.clock;
    this.#readMark = watched.readMark;
    this.#onStall = watched.onStall;
    this.#intervalMs = options.timeoutMs / LOOKS_PER_TIMEOUT;
  }

  /** Starts looking; harmless when it already does. */
  start(): void {
    if (this.#scheduled !== undefined) return;
    this.#mark = this.#readMark();
    this.#idleLooks = 0;
    this.#schedule();
  }

  /** Stops looking; harmless when it does not. */
  stop(): void {
    this.#scheduled?.cancel();
    this.#scheduled = undefined;
  }

  #schedule(): void {
    this.#scheduled = this.#clock.schedule(this.#intervalMs, () => this.#look());
  }

  #look(): void {
    const mark = this.#readMark();
    const hasMoved = mark === undefined || mark !== this.#mark;
    this.#idleLooks = hasMoved ? 0 : this.#idleLooks + 1;
    this.#mark = mark;
    this.#schedule();
    if (this.#idleLooks >= LOOKS_PER_TIMEOUT) this.#onStall();
  }
}
