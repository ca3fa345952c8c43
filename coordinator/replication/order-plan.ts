// Which origin is to fetch which blob. Pure: the caller says what is so and what time it is, and sends what comes back.
//
// Every origin keeps every blob that a repository holds. An order is outstanding until the origin announces the blob, its
// session ends, or its time is over; then it may be given again.

import type { Digest } from '../../shared/oci/digest.ts';

export interface OrderPlanOptions {
  /** Orders that one origin may have at a time. It works them off as it likes; more would only wait there. */
  readonly maxPerOrigin: number;
  /** After this time an order is given again: the origin may have failed to carry it out. */
  readonly retryMs: number;
}

/** A blob and where it is. */
export interface BlobPlaces {
  readonly digest: Digest;
  /** Origins that have a session. */
  readonly connectedOrigins: readonly string[];
  readonly holds: (nodeId: string) => boolean;
  /** True when somebody other than `nodeId` who is within reach holds it whole. */
  readonly isAvailableTo: (nodeId: string) => boolean;
}

export class OrderPlan {
  readonly #options: OrderPlanOptions;
  /** Per origin: the blobs ordered, each with the time when the order runs out. */
  readonly #orders = new Map<string, Map<Digest, number>>();

  constructor(options: OrderPlanOptions) {
    this.#options = options;
  }

  /** The origins that are to fetch the blob now. They count as ordered from here on. */
  plan(blob: BlobPlaces, nowMs: number): string[] {
    return blob.connectedOrigins.filter((nodeId) => {
      if (blob.holds(nodeId) || !blob.isAvailableTo(nodeId)) return false;
      return this.#order(nodeId, blob.digest, nowMs);
    });
  }

  /** The origin holds the blob: its order is done. */
  done(nodeId: string, digest: Digest): void {
    this.#orders.get(nodeId)?.delete(digest);
  }

  /** Its session ended: what was ordered there must be ordered anew. */
  forget(nodeId: string): void {
    this.#orders.delete(nodeId);
  }

  /** Orders that an origin has now. */
  outstanding(nodeId: string): number {
    return this.#orders.get(nodeId)?.size ?? 0;
  }

  /** Orders of all origins. */
  total(): number {
    let count = 0;
    for (const orders of this.#orders.values()) count += orders.size;
    return count;
  }

  #order(nodeId: string, digest: Digest, nowMs: number): boolean {
    let orders = this.#orders.get(nodeId);
    if (orders === undefined) {
      orders = new Map();
      this.#orders.set(nodeId, orders);
    }
    const expiresMs = orders.get(digest);
    if (expiresMs !== undefined && expiresMs > nowMs) return false;
    if (expiresMs === undefined && orders.size >= this.#options.maxPerOrigin) return false;
    orders.set(digest, nowMs + this.#options.retryMs);
    return true;
  }
}
