// One host of the fleet fetches a blob, the others wait for it and get it from there: the coordinator says whose turn it is.

import type { Digest } from '../../shared/oci/digest.ts';
import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';

/** Pause before a host that waits asks again: a layer takes longer than that, and a thousand hosts ask four thousand times a second. */
const ASK_AGAIN_MS = 250;
/** How often a host that fetches says so; the coordinator gives the turn to another after three times that. */
const REMIND_MS = 5_000;

/** The turn of a host, to be ended by it. */
export interface FetchTurn {
  /** The next host may fetch, or finds the blob. Harmless when called again. */
  end(): void;
}

interface Deps {
  readonly clock: Clock;
  readonly link: CoordinatorLink;
  readonly log: Logger;
}

/** Waits until it is this host's turn. @returns `held` when a host of the fleet has the blob. */
export async function waitForTurn(deps: Deps, digest: Digest, signal: AbortSignal): Promise<'turn' | 'held'> {
  for (;;) {
    const { state } = await deps.link.call('cache.lease', { digest }, signal);
    if (state !== 'wait') return state;
    await deps.clock.sleep(ASK_AGAIN_MS, signal);
  }
}

/** Keeps the turn while this host fetches. */
export function keepTurn({ clock, link, log }: Deps, digest: Digest): FetchTurn {
  const { signal } = new AbortController(); // the link's own time limits end each call
  let isOver = false;
  let next: Scheduled | undefined;
  const tellLost = (err: unknown): void => log.debug({ err, digest }, 'the coordinator did not hear of a fetch');
  const remind = (): void => {
    next = clock.schedule(REMIND_MS, () => {
      if (isOver) return;
      link.call('cache.lease', { digest }, signal).catch(tellLost);
      remind();
    });
  };
  remind();
  return {
    end: () => {
      if (isOver) return;
      isOver = true;
      next?.cancel();
      if (link.isConnected) link.call('cache.unlease', { digest }, signal).catch(tellLost);
    },
  };
}
