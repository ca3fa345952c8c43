// Something that is worth telling, but not each time: others decide how often it happens.

import type { Clock } from './clock.ts';

/** Acts at most once in a while; what comes between is dropped. */
export class Seldom {
  readonly #clock: Clock;
  readonly #everyMs: number;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(deps: { readonly clock: Clock }, options: { readonly everyMs: number }) {
    this.#clock = deps.clock;
    this.#everyMs = options.everyMs;
  }

  act(run: () => void): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#lastMs < this.#everyMs) return;
    this.#lastMs = nowMs;
    run();
  }
}
