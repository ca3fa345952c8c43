// Which node fetches a blob from its upstream for the whole fleet. Pure, and only remembered: after a start the first who asks fetches.

import type { Digest } from '../../shared/oci/digest.ts';
import { HostQuotas } from './host-quotas.ts';

/** A node that did not ask again for so long fetches no more: three of its own reminders are lost by then. */
const LEASE_MS = 15_000;
/** Leases that ended are looked for so often at most: going through all of them for each that is taken would be most of the work. */
const LOOK_EVERY_MS = 1_000;
/** Leases at once; with more, blobs are fetched by whoever asks. Far above what a fleet fetches at a time. */
const MAX_LEASES = 100_000;

interface Lease {
  readonly nodeId: string;
  readonly untilMs: number;
}

export class FetchLeases {
  readonly #leases = new Map<Digest, Lease>();
  readonly #quotas = new HostQuotas(MAX_LEASES);
  #lookedMs = Number.NEGATIVE_INFINITY;

  /** @returns true when this node is the one that fetches, for a while: it asks again before that ends. */
  take(digest: Digest, nodeId: string, nowMs: number): boolean {
    const lease = this.#leases.get(digest);
    if (lease !== undefined && lease.nodeId !== nodeId && lease.untilMs > nowMs) return false;
    if (lease?.nodeId === nodeId || this.#hasRoom(nodeId, nowMs)) {
      this.#forget(digest);
      this.#quotas.take(nodeId, 1);
      this.#leases.set(digest, { nodeId, untilMs: nowMs + LEASE_MS });
    }
    return true;
  }

  /** It is done, or gives up: the next who asks fetches. */
  end(digest: Digest, nodeId: string): void {
    if (this.#leases.get(digest)?.nodeId === nodeId) this.#forget(digest);
  }

  /** A node that has no session fetches for nobody. */
  nodeLeft(nodeId: string): void {
    for (const [digest, lease] of this.#leases) if (lease.nodeId === nodeId) this.#forget(digest);
  }

  #hasRoom(nodeId: string, nowMs: number): boolean {
    if (this.#quotas.hasRoom(nodeId, 1)) return true;
    if (nowMs - this.#lookedMs < LOOK_EVERY_MS) return false;
    this.#lookedMs = nowMs;
    for (const [digest, { untilMs }] of this.#leases) if (untilMs <= nowMs) this.#forget(digest);
    return this.#quotas.hasRoom(nodeId, 1);
  }

  #forget(digest: Digest): void {
    const lease = this.#leases.get(digest);
    if (lease === undefined) return;
    this.#quotas.giveBack(lease.nodeId, 1);
    this.#leases.delete(digest);
  }
}
