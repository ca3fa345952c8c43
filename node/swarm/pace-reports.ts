// What a download tells the coordinator of its pace, so that it links hosts otherwise.

import type { Digest } from '../../shared/oci/digest.ts';
import type { CoordinatorLink, MethodName, Params } from '../../shared/protocol/coordinator-methods.ts';
import type { Logger } from '../../shared/runtime/log.ts';

export interface PaceReportsDeps {
  readonly link: Pick<CoordinatorLink, 'isConnected' | 'call'>;
  readonly log: Logger;
}

/** Reports of one download. While the coordinator is away they are dropped: what is still so is told again. */
export class PaceReports {
  readonly #deps: PaceReportsDeps;
  readonly #digest: Digest;
  readonly #signal: AbortSignal;

  /** @param signal ends what is on its way. */
  constructor(deps: PaceReportsDeps, digest: Digest, signal: AbortSignal) {
    this.#deps = deps;
    this.#digest = digest;
    this.#signal = signal;
  }

  /** Classes of pieces come into this zone late: they are given to other links when others say so too. */
  lagging(classes: readonly number[]): void {
    if (!this.#deps.link.isConnected) return;
    const digest = this.#digest;
    this.#deps.log.info({ digest, classes }, 'pieces of another zone fall behind; telling the coordinator');
    this.#tell('blob.lagging', { digest, classes: [...classes] });
  }

  /** Pieces come to this host much more slowly than to its neighbours: they get others in its place. */
  fellBehind(): void {
    if (!this.#deps.link.isConnected) return;
    this.#deps.log.info(
      { digest: this.#digest },
      'the neighbours are much faster than this host; telling the coordinator',
    );
    this.#tell('swarm.behind', {});
  }

  #tell<M extends MethodName>(method: M, params: Params<M>): void {
    this.#deps.link.call(method, params, this.#signal).catch((error: unknown) => {
      if (this.#signal.aborted) return;
      this.#deps.log.debug({ err: error, digest: this.#digest, method }, 'the pace of a download was not told');
    });
  }
}
