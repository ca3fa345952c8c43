// What the coordinator is to hear about peers that misbehaved. While it is away a report waits for the next session.

import type { CoordinatorLink, Params } from '../../shared/protocol/coordinator-methods.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { isAppError } from '../../shared/runtime/errors.ts';

/** Reports that wait; the oldest is dropped for a newer one. */
const MAX_WAITING = 100;

type Report = Params<'peer.report'>;

export class PeerReports implements AsyncDisposable {
  readonly #link: CoordinatorLink;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #removeListener: () => void;
  readonly #waiting: Report[] = [];

  constructor(deps: { readonly link: CoordinatorLink; readonly log: Logger }) {
    this.#link = deps.link;
    this.#log = deps.log;
    this.#removeListener = deps.link.listen({ onConnected: () => this.#sendWaiting() });
  }

  /** Tells it now, or as soon as there is a session. */
  report(report: Report): void {
    if (this.#link.isConnected) void this.#send(report);
    else this.#keep(report);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#removeListener();
    this.#stop.abort();
    await Promise.resolve();
  }

  #keep(report: Report): void {
    this.#waiting.push(report);
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
  }

  #sendWaiting(): void {
    for (const report of this.#waiting.splice(0)) void this.#send(report);
  }

  async #send(report: Report): Promise<void> {
    try {
      await this.#link.call('peer.report', report, this.#stop.signal);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (isAppError(error, 'coordinator_unreachable')) this.#keep(report);
      else this.#log.debug({ err: error, peer: report.nodeId }, 'a peer could not be reported');
    }
  }
}
