// When a node may be sent clients.

import { isOutOfFleet, refusalWords } from '../shared/protocol/link-failure.ts';
import type { CoordinatorLink } from '../shared/protocol/coordinator-methods.ts';
import type { HealthChecks } from './health/health-checks.ts';
import type { Clock } from '../shared/runtime/clock.ts';

/** How long a starting node waits for its first session; then it counts as serving on its own and says that it is ready. */
const FIRST_SESSION_WAIT_MS = 5000;

/**
 * Ready means: joined to the coordinator, or able to serve on its own what it holds. A node that just started is not
 * ready before its first session, so that what waits for it does not meet errors that a moment later would be gone. One that was
 * removed from the fleet is not ready; one that the coordinator refuses for its version or its clock is, and says so, since then
 * all nodes may be refused at once, and serving what is here is better than nothing.
 */
export class Readiness {
  readonly #clock: Clock;
  readonly #link: CoordinatorLink;
  readonly #startedMs: number;
  #hadSession: boolean;
  readonly #checks: HealthChecks;
  #isStopping = false;

  /** Make it before the link starts. */
  constructor(deps: { readonly clock: Clock; readonly link: CoordinatorLink; readonly checks: HealthChecks }) {
    const { clock, link } = deps;
    this.#checks = deps.checks;
    this.#clock = clock;
    this.#link = link;
    this.#startedMs = clock.nowMs();
    this.#hadSession = link.isConnected;
    link.listen({
      onConnected: () => {
        this.#hadSession = true;
      },
    });
  }

  /** The node ends: it is not ready any more. */
  stop(): void {
    this.#isStopping = true;
  }

  /** Health checks that fail, by name. */
  get failing(): ReadonlyMap<string, string> {
    return this.#checks.failing;
  }

  /** A reason beside `ready` is what somebody should do something about. */
  isReady(): { readonly ready: boolean; readonly reason?: string | undefined } {
    if (this.#isStopping) return { ready: false, reason: 'stopping' };
    const [failing] = this.failing.keys();
    if (failing !== undefined) return { ready: false, reason: `the health check ${failing} fails` };
    const reason = refusalWords(this.#link.failure);
    if (isOutOfFleet(this.#link.failure)) return { ready: false, reason };
    const upMs = this.#clock.nowMs() - this.#startedMs;
    if (this.#hadSession || upMs >= FIRST_SESSION_WAIT_MS) return { ready: true, reason };
    return { ready: false, reason: 'no session with the coordinator yet' };
  }
}
