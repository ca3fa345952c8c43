// A cap on what this host sends over UDP streams, all of them together. Their congestion control takes what TCP leaves and more
// (73 to 23 Mbit/s on a shared link with deep buffers), so that it must not run free beside the bulk traffic.

import type { Clock } from '../../../shared/runtime/clock.ts';

/** What may go out at once after a pause, as time: short enough to keep queues of switches small. */
const BURST_MS = 100;

export class ByteRate {
  readonly #clock: Clock;
  readonly #bytesPerMs: number;
  /** When all that was let through is sent at the wanted rate. */
  #paidUntilMs = 0;

  constructor(deps: { readonly clock: Clock }, options: { readonly bytesPerSecond: number }) {
    this.#clock = deps.clock;
    this.#bytesPerMs = options.bytesPerSecond / 1000;
  }

  /** Takes so much of the rate. @returns milliseconds to wait before it may be sent; 0 for at once. */
  take(bytes: number): number {
    const nowMs = this.#clock.nowMs();
    const waitMs = Math.max(0, this.#paidUntilMs - nowMs - BURST_MS);
    this.#paidUntilMs = Math.max(this.#paidUntilMs, nowMs) + bytes / this.#bytesPerMs;
    return waitMs;
  }
}
