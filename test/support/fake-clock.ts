// A clock that stands still until a test moves it.

import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';

interface Timer {
  readonly dueMs: number;
  readonly run: () => void;
}

/** Starts at 0 monotonic and at a fixed date; `advance` runs what becomes due on the way, in order. */
export class FakeClock implements Clock {
  readonly #timers = new Set<Timer>();
  #nowMs = 0;
  readonly #wallStartMs: number;

  constructor(options: { readonly wallMs?: number } = {}) {
    this.#wallStartMs = options.wallMs ?? Date.UTC(2026, 0, 1);
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#wallStartMs + this.#nowMs;
  }

  /** How many sleeps and schedules have not come to their time. */
  get pendingCount(): number {
    return this.#timers.size;
  }

  /** The monotonic time at which the next timer is due; undefined when none waits. */
  get nextDueMs(): number | undefined {
    return this.#nextUntil(Number.POSITIVE_INFINITY)?.dueMs;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        scheduled.cancel();
        reject(signal.reason);
      };
      const scheduled = this.schedule(ms, () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  schedule(ms: number, run: () => void): Scheduled {
    const timer: Timer = { dueMs: this.#nowMs + Math.max(0, ms), run };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** Moves time on by `ms`, running each timer at its own time and letting what it woke go on before the next. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    for (let timer = this.#nextUntil(untilMs); timer !== undefined; timer = this.#nextUntil(untilMs)) {
      this.#timers.delete(timer);
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
      timer.run();
      await settle();
    }
    this.#nowMs = untilMs;
  }

  #nextUntil(untilMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs <= untilMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  }
}

/** Lets promises that are already settled, and I/O that is already done, be taken up. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });
}
