// Who reads a blob from whom while one host of the fleet fetches it from outside: a tree with that host at its root. Each host gives to two
// others, so that what one of them sends is two copies however large the fleet is. Pure.

/** Hosts that one host gives to: a tree of a thousand is ten steps deep then, and nobody sends more than two copies. */
const TAKERS = 2;
/** A reader is not sent back to a host from which nothing of use came for so long: the turn of one that is gone is another's by then. */
const AVOID_MS = 20_000;
/** Such hosts remembered for one reader; of more the oldest are forgotten. */
const MAX_AVOIDED = 16;
/** Readers of one blob; further ones wait until it is here as a whole. */
const MAX_READERS = 10_000;

interface Place {
  readonly zone: string | undefined;
  sourceId: string | undefined;
  readonly takers: Set<string>;
  /** From whom nothing of use came to this one, and until when it is not sent there again. */
  readonly avoided: Map<string, number>;
  /** How often others said so of this one: it comes last. */
  complaints: number;
}

/** Node ids throughout. */
export class ReaderTree {
  readonly #places = new Map<string, Place>();
  #rootId: string | undefined;

  get size(): number {
    return this.#places.size;
  }

  has(nodeId: string): boolean {
    return this.#places.has(nodeId);
  }

  /** This node fetches, and takes from nobody. Who read from the one that did before looks for another. */
  setRoot(nodeId: string, zone: string | undefined): void {
    if (this.#rootId === nodeId) return;
    if (this.#rootId !== undefined) this.leave(this.#rootId);
    this.#rootId = nodeId;
    const place = this.#places.get(nodeId) ?? this.#add(nodeId, zone);
    this.#leaveSource(nodeId, place);
  }

  /**
   * Whom a node reads from: as before, unless that one is gone or `lost`.
   * @returns undefined while nobody has room for it.
   */
  sourceOf(
    nodeId: string,
    how: { readonly zone: string | undefined; readonly lost?: string | undefined; readonly nowMs: number },
  ): string | undefined {
    if (nodeId === this.#rootId) return undefined;
    if (!this.#places.has(nodeId) && this.#places.size >= MAX_READERS) return undefined;
    const place = this.#places.get(nodeId) ?? this.#add(nodeId, how.zone);
    if (how.lost !== undefined && how.lost === place.sourceId) this.#avoid(nodeId, place, how.nowMs);
    place.sourceId ??= this.#choose(nodeId, place, how.nowMs);
    if (place.sourceId !== undefined) this.#places.get(place.sourceId)?.takers.add(nodeId);
    return place.sourceId;
  }

  /** A node reads no more, and gives no more. */
  leave(nodeId: string): void {
    const place = this.#places.get(nodeId);
    if (place === undefined) return;
    this.#leaveSource(nodeId, place);
    for (const takerId of place.takers) {
      const taker = this.#places.get(takerId);
      if (taker !== undefined) taker.sourceId = undefined;
    }
    this.#places.delete(nodeId);
    if (this.#rootId === nodeId) this.#rootId = undefined;
  }

  #add(nodeId: string, zone: string | undefined): Place {
    const place: Place = { zone, sourceId: undefined, takers: new Set(), avoided: new Map(), complaints: 0 };
    this.#places.set(nodeId, place);
    return place;
  }

  #leaveSource(nodeId: string, place: Place): void {
    if (place.sourceId !== undefined) this.#places.get(place.sourceId)?.takers.delete(nodeId);
    place.sourceId = undefined;
  }

  #avoid(nodeId: string, place: Place, nowMs: number): void {
    const { sourceId } = place;
    if (sourceId === undefined) return;
    this.#leaveSource(nodeId, place);
    const lost = this.#places.get(sourceId);
    if (lost !== undefined) lost.complaints += 1;
    place.avoided.delete(sourceId);
    place.avoided.set(sourceId, nowMs + AVOID_MS);
    const [oldest] = place.avoided.keys();
    if (place.avoided.size > MAX_AVOIDED && oldest !== undefined) place.avoided.delete(oldest);
  }

  /** With room, in the own zone, near the root; those of whom somebody complained come last. */
  #choose(nodeId: string, place: Place, nowMs: number): string | undefined {
    let best: { readonly id: string; readonly rank: number } | undefined;
    for (const [id, other] of this.#places) {
      if (id === nodeId || other.takers.size >= TAKERS || (place.avoided.get(id) ?? 0) > nowMs) continue;
      const depth = this.#depthOf(id, nodeId);
      if (depth === undefined) continue;
      const isFar = place.zone !== undefined && place.zone !== other.zone;
      const rank = Math.min(other.complaints, 1) * 4 * MAX_READERS + (isFar ? 2 * MAX_READERS : 0) + depth;
      if (best === undefined || rank < best.rank) best = { id, rank };
    }
    return best?.id;
  }

  /** Steps to the root. @returns undefined when the way leads over `withoutId`, or does not lead to the root. */
  #depthOf(nodeId: string, withoutId: string): number | undefined {
    let depth = 0;
    for (let id = nodeId; id !== this.#rootId; depth += 1) {
      const sourceId = this.#places.get(id)?.sourceId;
      if (sourceId === undefined || sourceId === withoutId) return undefined;
      id = sourceId;
    }
    return depth;
  }
}
