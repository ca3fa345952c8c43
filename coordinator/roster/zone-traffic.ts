// What came into each zone from others, against the least that could: one copy of each blob that its hosts pulled from there. Nodes
// tell it when they stop downloading a blob; what one took that was killed is not in it.

import type { Digest } from '../../shared/oci/digest.ts';

/** Payload that crossed into a zone. @property floorBytes one copy of each blob that crossed. */
export interface ZoneTraffic {
  /** Absent for nodes without a zone. */
  readonly zone?: string;
  readonly receivedBytes: number;
  readonly floorBytes: number;
}

/** Hosts that pull a blob within this time of each other share one copy; who comes later may need another. */
const SHARED_FOR_MS = 60 * 60 * 1000;
/** Blobs of zones that are remembered as having crossed; the oldest is forgotten first, and then counts as a new copy. */
const MAX_REMEMBERED = 20_000;
/** Zones that are counted apart; what came into further ones is counted under the last. Far above any real fleet. */
const MAX_ZONES = 1000;

export class ZoneTraffics {
  readonly #zones = new Map<string, { receivedBytes: number; floorBytes: number }>();
  /** When each blob last came into each zone, the latest last. */
  readonly #crossed = new Map<string, number>();

  /** Counts what a node of `zone` got of a blob from other zones. */
  received(
    blob: { readonly digest: Digest; readonly sizeBytes: number },
    into: { readonly zone: string | undefined; readonly bytes: number; readonly nowMs: number },
  ): void {
    const { bytes, nowMs } = into;
    if (bytes === 0) return;
    const zone = this.#of(into.zone ?? '');
    zone.receivedBytes += bytes;
    const key = `${into.zone ?? ''} ${blob.digest}`;
    const lastMs = this.#crossed.get(key);
    if (lastMs === undefined || nowMs - lastMs > SHARED_FOR_MS) zone.floorBytes += blob.sizeBytes;
    this.#crossed.delete(key);
    this.#crossed.set(key, nowMs);
    for (const oldest of this.#crossed.keys()) {
      if (this.#crossed.size <= MAX_REMEMBERED) break;
      this.#crossed.delete(oldest);
    }
  }

  /** Zones into which something came since this process started. */
  list(): ZoneTraffic[] {
    return [...this.#zones].map(([zone, traffic]) => ({ ...(zone === '' ? {} : { zone }), ...traffic }));
  }

  #of(name: string): { receivedBytes: number; floorBytes: number } {
    const last = [...this.#zones.values()].at(-1);
    const zone = this.#zones.get(name) ?? (this.#zones.size < MAX_ZONES ? undefined : last);
    if (zone !== undefined) return zone;
    const fresh = { receivedBytes: 0, floorBytes: 0 };
    this.#zones.set(name, fresh);
    return fresh;
  }
}
