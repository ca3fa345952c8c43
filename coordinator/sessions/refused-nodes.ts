// Nodes that ask for a session and do not get one, and why: for the log, once, and for people who look at the fleet.

import type { Clock } from '../../shared/runtime/clock.ts';
import type { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';

/** A node asks every 15 s at the latest; one that was not heard for so long gave up, or was stopped. */
const SHOWN_FOR_MS = 60_000;
/** Nodes kept in mind, then the one that asked first is forgotten: as many as a large fleet has. Each has a certificate of the fleet. */
const MAX_REFUSED_NODES = 10_000;

export class RefusedNodes {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #refusals = new Map<string, { readonly why: string; readonly atMs: number }>();

  constructor(deps: { readonly clock: Clock; readonly log: Logger }) {
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /** A node was refused; its next try will be too, unless somebody does what `why` says. */
  note(nodeId: string, why: AppError): void {
    const known = this.#refusals.get(nodeId);
    if (known?.why !== why.message) {
      this.#log.warn({ node: nodeId, code: why.code, reason: why.message }, 'refuses a node, which tries on');
    }
    this.#refusals.set(nodeId, { why: why.message, atMs: this.#clock.nowMs() });
    const [oldest] = this.#refusals.keys();
    if (this.#refusals.size > MAX_REFUSED_NODES && oldest !== undefined) this.#refusals.delete(oldest);
  }

  /** It has a session now. */
  admitted(nodeId: string): void {
    this.#refusals.delete(nodeId);
  }

  /** Why a node that asked a moment ago was refused; undefined when it did not ask, or got in. */
  why(nodeId: string): string | undefined {
    const refusal = this.#refusals.get(nodeId);
    const isRecent = refusal !== undefined && this.#clock.nowMs() - refusal.atMs < SHOWN_FOR_MS;
    return isRecent ? refusal.why : undefined;
  }
}
