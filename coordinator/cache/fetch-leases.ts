// Which node fetches a blob from its upstream for the whole fleet. Pure, and only remembered: after a start the first who asks fetches.

import type { Digest } from '../../shared/oci/digest.ts';

/** A node that did not ask again for so long fetches no more: three of its own reminders are lost by then. */
const LEASE_MS = 15_000;
/** Leases at once; with more, blobs are fetched by whoever asks. Far above what a fleet fetches at a time. */
const MAX_LEASES = 100_000;

interface Lease {
  readonly nodeId: string;
  readonly untilMs: number;
}

export class FetchLeases {
  readonly #leases = new Map<Digest, Lease>();

  /** @returns true when this node is the one that fetches, for a while: it asks again before that ends. */
  take(digest: Digest, nodeId: string, nowMs: number): boolean {
    const lease = this.#leases.get(digest);
    if (lease !== undefined && lease.nodeId !== nodeId && lease.untilMs > nowMs) return false;
    if (lease !== undefined || this.#leases.size < MAX_LEASES || this.#forgetEnded(nowMs))
      this.#leases.set(digest, { nodeId, untilMs: nowMs + LEASE_MS });
    return true;
  }

  /** It is done, or gives up: the next who asks fetches. */
  end(digest: Digest, nodeId: string): void {
    if (this.#leases.get(digest)?.nodeId === nodeId) this.#leases.delete(digest);
  }

  /** A node that has no session fetches for nobody. */
  nodeLeft(nodeId: string): void {
    for (const [digest, lease] of this.#leases) if (lease.nodeId === nodeId) this.#leases.delete(digest);
  }

  /** @returns whether there is room then. */
  #forgetEnded(nowMs: number): boolean {
    for (const [digest, { untilMs }] of this.#leases) if (untilMs <= nowMs) this.#leases.delete(digest);
    return this.#leases.size < MAX_LEASES;
  }
}
