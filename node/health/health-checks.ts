// Checks that run again and again while a node runs. While one of them fails the registry answers 503 to everybody, so that
// a load balancer sends its clients elsewhere.
//
//   fine ──fails threshold times in a row──▶ failing ──succeeds once──▶ fine

import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { joinSignals } from '../../shared/runtime/joined-signal.ts';
import type { Logger } from '../../shared/runtime/log.ts';

/** One check that is run again and again. */
export interface HealthCheck {
  readonly name: string;
  readonly intervalMs: number;
  /** How many failures in a row take the node out of service; 0 means the same as 1. */
  readonly threshold: number;
  /** @throws an error, whose message is shown, when something is wrong. */
  run(signal: AbortSignal): Promise<void>;
}

/** A check that takes longer has failed; it is not started again before it ends. */
const CHECK_TIMEOUT_MS = 30_000;
/** The name under which `failing` lists that the operator took the node out of service; as in the reference registry. */
const BY_HAND = 'manual_http_status';

/** The checks of one node. Disposing stops them. */
export class HealthChecks implements AsyncDisposable {
  readonly #deps: { readonly clock: Clock; readonly log: Logger };
  readonly #failing = new Map<string, string>();
  readonly #failuresInRow = new Map<string, number>();
  readonly #scheduled = new Map<string, Scheduled>();
  readonly #stopped = new AbortController();

  /** Each check runs at once and then after each interval. */
  constructor(deps: { readonly clock: Clock; readonly log: Logger }, checks: readonly HealthCheck[]) {
    this.#deps = deps;
    for (const check of checks) void this.#run(check);
  }

  /** What fails now, with its reason; empty when all is well. */
  get failing(): ReadonlyMap<string, string> {
    return this.#failing;
  }

  /** Takes the node out of service, or back into it. */
  setByHand(state: 'up' | 'down'): void {
    if (state === 'down') this.#failing.set(BY_HAND, 'taken out of service by hand');
    else this.#failing.delete(BY_HAND);
    this.#deps.log.warn({ state }, 'set in or out of service by hand');
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort(new Error('the node stops'));
    for (const scheduled of this.#scheduled.values()) scheduled.cancel();
    return Promise.resolve();
  }

  /** Never rejects. */
  async #run(check: HealthCheck): Promise<void> {
    const { clock } = this.#deps;
    const late = new AbortController();
    const deadline = clock.schedule(CHECK_TIMEOUT_MS, () => late.abort(new Error('took too long')));
    using ended = joinSignals([late.signal, this.#stopped.signal]);
    try {
      await check.run(ended.signal);
      this.#succeeded(check);
    } catch (error) {
      this.#failed(check, error instanceof Error ? error.message : String(error));
    } finally {
      deadline.cancel();
    }
    if (this.#stopped.signal.aborted) return;
    this.#scheduled.set(
      check.name,
      clock.schedule(check.intervalMs, () => void this.#run(check)),
    );
  }

  #succeeded({ name }: HealthCheck): void {
    this.#failuresInRow.delete(name);
    if (this.#failing.delete(name)) this.#deps.log.info({ check: name }, 'a health check is fine again');
  }

  #failed({ name, threshold }: HealthCheck, reason: string): void {
    if (this.#stopped.signal.aborted) return;
    const inRow = (this.#failuresInRow.get(name) ?? 0) + 1;
    this.#failuresInRow.set(name, inRow);
    if (inRow < threshold) return;
    if (!this.#failing.has(name)) this.#deps.log.error({ check: name, reason }, 'a health check fails');
    this.#failing.set(name, reason);
  }
}
