// One host of the fleet fetches a blob, the others read it along: the coordinator says whose turn it is.

import type { Digest } from '../../shared/oci/digest.ts';
import type { FleetFetch } from '../../shared/protocol/cache-methods.ts';
import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';

/** Pause before a host that waits or reads along asks again: a layer takes longer than that, and a thousand hosts ask four thousand times a second. */
export const ASK_AGAIN_MS = 250;

/**
 * A host waits no longer than that for another that says it fetches and tells nothing of it, and then fetches for itself. Who fetches tells of a blob
 * as soon as its upstream answers, which it does within 20 s or fails, and of a small one after 5 s; and clients begin to give up after a minute.
 */
const MAX_WAIT_MS = 60_000;

/**
 * What a host is to do about a blob of an upstream.
 * @property fetch for the one whose turn it is: what another had fetched before it, if others read that along.
 */
export type FleetTurn =
  | { readonly type: 'fetch'; readonly fetch?: FleetFetch | undefined }
  | { readonly type: 'read'; readonly fetch: FleetFetch }
  | { readonly type: 'held' }
  | { readonly type: 'alone' };

/** A turn that concerns other hosts of the fleet. */
export type SharedTurn = Exclude<FleetTurn, { readonly type: 'held' } | { readonly type: 'alone' }>;

/** Waits until it is this host's turn, another that fetches has begun, a host of the fleet has the blob, or it has waited long enough. */
export async function waitForTurn(
  { clock, link }: { readonly clock: Clock; readonly link: CoordinatorLink },
  { digest, repository }: { readonly digest: Digest; readonly repository: string },
  signal: AbortSignal,
): Promise<FleetTurn> {
  const endMs = clock.nowMs() + MAX_WAIT_MS;
  for (;;) {
    const reads = { repository, knownPieces: 0, isReading: false };
    const { state, fetch } = await link.call('cache.lease', { digest, reads }, signal);
    if (state === 'held') return { type: 'held' };
    if (state === 'turn') return { type: 'fetch', fetch };
    if (fetch !== undefined) return { type: 'read', fetch };
    if (clock.nowMs() >= endMs) return { type: 'alone' };
    await clock.sleep(ASK_AGAIN_MS, signal);
  }
}
