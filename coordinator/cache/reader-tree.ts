// Who reads a blob from whom while one host of the fleet fetches it from outside: a tree with that host at its root. Each host gives to two
// others, so that what one of them sends is two copies however large the fleet is. Pure.
//
//   root ─▶ a ─▶ c        c gets nothing from a:        root ─▶ c        a looks for another place
//
// Otherwise two hosts at the root that give nothing would keep everybody below them from it.

/** Hosts that one host gives to: a tree of a thousand is ten steps deep then, and nobody sends more than two copies. */
const TAKERS = 2;
/** A reader is not sent back to a host from which nothing of use came for so long: the turn of one that is gone is another's by then. */
const AVOID_MS = 20_000;
/**
 * Who got nothing of use from a source takes its place when both had theirs for so long: less than a reader watches a source, more than a source
 * needs that was itself sent elsewhere, and so seldom that nobody climbs by complaints alone.
 */
const SETTLED_MS = 4_000;
/** Complaints after which a host can lose its place: a busy host that said nothing for a moment is not one that gives nothing. */
const COMPLAINTS_TO_LOSE = 2;
/** Such hosts remembered for one reader; of more the oldest are forgotten. */
const MAX_AVOIDED = 16;
/** Readers of one blob; further ones wait until it is here as a whole. */
const MAX_READERS = 10_000;

interface Place {
  readonly zone: string | undefined;
  sourceId: string | undefined;
  /** When it was given its source. */
  sinceMs: number;
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
   * Whom a node reads from: as before, unless that one is gone or `lost`. Who lost one that it had for a while reads where that one did.
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
    if (place.sourceId === undefined)
      this.#take(nodeId, place, { sourceId: this.#choose(nodeId, place, how.nowMs), ...how });
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
    const nobody = { sourceId: undefined, sinceMs: Number.NEGATIVE_INFINITY };
    const place: Place = { zone, ...nobody, takers: new Set(), avoided: new Map(), complaints: 0 };
    this.#places.set(nodeId, place);
    return place;
  }

  #leaveSource(nodeId: string, place: Place): void {
    if (place.sourceId !== undefined) this.#places.get(place.sourceId)?.takers.delete(nodeId);
    place.sourceId = undefined;
  }

  #take(
    nodeId: string,
    place: Place,
    { sourceId, nowMs }: { readonly sourceId: string | undefined; readonly nowMs: number },
  ): void {
    if (sourceId === undefined) return;
    place.sourceId = sourceId;
    place.sinceMs = nowMs;
    this.#places.get(sourceId)?.takers.add(nodeId);
  }

  #avoid(nodeId: string, place: Place, nowMs: number): void {
    const { sourceId } = place;
    if (sourceId === undefined) return;
    this.#leaveSource(nodeId, place);
    const lost = this.#places.get(sourceId);
    if (lost !== undefined) {
      lost.complaints += 1;
      this.#takePlaceOf(lost, { id: sourceId, nodeId, place, nowMs });
    }
    place.avoided.delete(sourceId);
    place.avoided.set(sourceId, nowMs + AVOID_MS);
    const [oldest] = place.avoided.keys();
    if (place.avoided.size > MAX_AVOIDED && oldest !== undefined) place.avoided.delete(oldest);
  }

  #takePlaceOf(
    lost: Place,
    {
      id,
      nodeId,
      place,
      nowMs,
    }: { readonly id: string; readonly nodeId: string; readonly place: Place; readonly nowMs: number },
  ): void {
    const { sourceId } = lost;
    if (lost.complaints < COMPLAINTS_TO_LOSE) return;
    if (place.complaints > lost.complaints) return; // others had less of it than of the one it complains of
    if (sourceId === undefined || (place.avoided.get(sourceId) ?? 0) > nowMs) return;
    if (nowMs - Math.max(place.sinceMs, lost.sinceMs) < SETTLED_MS) return;
    this.#leaveSource(id, lost);
    this.#take(nodeId, place, { sourceId, nowMs });
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
