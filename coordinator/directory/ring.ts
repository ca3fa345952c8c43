// Where nodes stand on the fleet's rings.
//
// Every node has one fixed place on each of four circles, drawn from its id and a secret seed. The members of a swarm are
// linked to their neighbours on each circle, which makes the union of four random cycles: a random graph of degree at most
// eight that is connected by construction (C. Law, K.-Y. Siu, "Distributed construction of random expander networks", 2003).
// A node that comes takes a link a-b out of each circle and puts a-n and n-b in; when it leaves, a and b are joined again.
// Places do not depend on the swarm, so hosts that pull the layers of one image together have the same neighbours for
// all of them, and need one connection per pair.

/** Eight neighbours are as good as it gets: with ten a pull takes two per cent longer (simulated with 200 and 1000 hosts). */
export const RING_COUNT = 4;

/** Something with a place on each ring. */
export interface RingPlace {
  readonly nodeId: string;
  /** `RING_COUNT` numbers, one per ring. */
  readonly places: readonly number[];
}

/** The places of a node. @param seed secret of the process, so that nobody can choose an id for its place. */
export function drawPlaces(nodeId: string, seed: number): number[] {
  const places: number[] = [];
  for (let ring = 0; ring < RING_COUNT; ring += 1) places.push(hash53(nodeId, seed + ring * 0x9e3779b9));
  return places;
}

/** Nodes in the order of their places on one ring. */
export class Ring<T extends RingPlace> {
  readonly #ring: number;
  readonly #sorted: T[] = [];

  /** @param ring 0 to `RING_COUNT` - 1 */
  constructor(ring: number) {
    this.#ring = ring;
  }

  get size(): number {
    return this.#sorted.length;
  }

  has(node: T): boolean {
    return this.#sorted[this.#indexFrom(node)]?.nodeId === node.nodeId;
  }

  /** @returns false when it is there already. */
  add(node: T): boolean {
    const index = this.#indexFrom(node);
    if (this.#sorted[index]?.nodeId === node.nodeId) return false;
    this.#sorted.splice(index, 0, node);
    return true;
  }

  /** @returns false when it is not there. */
  remove(node: T): boolean {
    const index = this.#indexFrom(node);
    if (this.#sorted[index]?.nodeId !== node.nodeId) return false;
    this.#sorted.splice(index, 1);
    return true;
  }

  /** Every node, in order. */
  list(): readonly T[] {
    return this.#sorted;
  }

  /** The nodes before and after the place of `node`, which need not be on the ring itself. Itself when it is alone. */
  around(node: T): readonly T[] {
    const size = this.#sorted.length;
    if (size === 0) return [];
    const index = this.#indexFrom(node);
    const next = this.#sorted[index]?.nodeId === node.nodeId ? index + 1 : index;
    const before = this.#sorted[(index - 1 + size) % size];
    const after = this.#sorted[next % size];
    return before === undefined || after === undefined ? [] : [before, after];
  }

  /** Every node once, going round from the place of `node`. */
  *from(node: T): Generator<T> {
    const size = this.#sorted.length;
    const start = this.#indexFrom(node);
    for (let step = 0; step < size; step += 1) {
      const found = this.#sorted[(start + step) % size];
      if (found !== undefined) yield found;
    }
  }

  /** The first index whose node does not stand before `node`. */
  #indexFrom(node: T): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const candidate = this.#sorted[middle];
      if (candidate !== undefined && this.#standsBefore(candidate, node)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #standsBefore(left: T, right: T): boolean {
    const leftPlace = left.places[this.#ring] ?? 0;
    const rightPlace = right.places[this.#ring] ?? 0;
    return leftPlace < rightPlace || (leftPlace === rightPlace && left.nodeId < right.nodeId);
  }
}

/** A 53-bit hash of a text (the mixing of MurmurHash3's finaliser on two lanes). Spreads well; not for secrets. */
function hash53(text: string, seed: number): number {
  let high = 0xdeadbeef ^ seed;
  let low = 0x41c6ce57 ^ seed;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}
