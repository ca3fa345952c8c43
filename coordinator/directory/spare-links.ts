// Links between members that have too few neighbours on the rings. Where two places of two members coincide both are one
// neighbour short; a few members with fewer neighbours than the others get less from each of them and finish late.
// Coincidences are some dozen in a swarm, however large it is, so those who are short are linked with each other. Who then finds no
// partner, as the last short one of a few dozen members, is linked with members that have enough: without, some host of 32 ended
// a tenth later than the others in one pull of eight.

/** Neighbours that a member of a large swarm has. */
export const FELLOWS = 8;
/** And what it has at most, so that nobody who is short is left so. */
export const MOST_FELLOWS = 10;

/** The graph that spare links are added to. */
export interface RingGraph<T> {
  /** A member's neighbours on the rings. */
  readonly around: (member: T) => ReadonlySet<T>;
  /** Called before a link of a member changes. */
  readonly willChange: (member: T) => void;
}

/** A graph with few edges. */
export class SpareLinks<T> {
  readonly #links = new Map<T, Set<T>>();
  readonly #short = new Set<T>();

  /** Members that have less than `FELLOWS` neighbours because no partner was found. */
  get short(): Iterable<T> {
    return this.#short;
  }

  of(member: T): ReadonlySet<T> {
    return this.#links.get(member) ?? NONE;
  }

  clear(): void {
    this.#links.clear();
    this.#short.clear();
  }

  /** A member left: whoever was linked with it is to be balanced again. */
  remove(member: T): void {
    this.#short.delete(member);
    for (const other of [...this.of(member)]) {
      this.#unlink(member, other);
      this.#short.add(other);
    }
  }

  /**
   * Takes away links that are not needed any more and adds those that are.
   * @param touched members whose neighbours on the rings changed.
   */
  balance(touched: Iterable<T>, graph: RingGraph<T>): void {
    const sizeOf = (member: T): number => graph.around(member).size + this.of(member).size;
    for (const member of touched) {
      for (const other of [...this.of(member)]) {
        const isWanted = sizeOf(member) <= FELLOWS || (sizeOf(other) <= FELLOWS && sizeOf(member) <= MOST_FELLOWS);
        if (isWanted && !graph.around(member).has(other)) continue;
        graph.willChange(member);
        graph.willChange(other);
        this.#unlink(member, other);
        this.#short.add(other);
      }
      this.#short.add(member);
    }
    for (const member of [...this.#short]) this.#findPartners(member, this.#short, FELLOWS, graph);
    for (const member of [...this.#short]) this.#findPartners(member, aroundThose(member, graph), MOST_FELLOWS, graph);
  }

  /** Links a member that is short with some of `candidates` that have less than `most` neighbours. */
  #findPartners(member: T, candidates: Iterable<T>, most: number, graph: RingGraph<T>): void {
    const beside = graph.around(member);
    const hasLess = (each: T, than: number): boolean => graph.around(each).size + this.of(each).size < than;
    for (const other of [...candidates]) {
      if (!hasLess(member, FELLOWS)) break;
      if (other === member || beside.has(other) || this.of(member).has(other)) continue;
      if (hasLess(other, most)) {
        graph.willChange(member);
        graph.willChange(other);
        this.#link(member, other);
      }
      if (!hasLess(other, FELLOWS)) this.#short.delete(other);
    }
    if (!hasLess(member, FELLOWS)) this.#short.delete(member);
  }

  #link(left: T, right: T): void {
    this.#linksOf(left).add(right);
    this.#linksOf(right).add(left);
  }

  #unlink(left: T, right: T): void {
    for (const [one, other] of [
      [left, right],
      [right, left],
    ] as const) {
      const links = this.#linksOf(one);
      links.delete(other);
      if (links.size === 0) this.#links.delete(one);
    }
  }

  #linksOf(member: T): Set<T> {
    let links = this.#links.get(member);
    if (links === undefined) {
      links = new Set();
      this.#links.set(member, links);
    }
    return links;
  }
}

/** Neighbours of the neighbours, on the rings: as random as any, and as few in a swarm of any size. */
function aroundThose<T>(member: T, { around }: RingGraph<T>): Set<T> {
  const found = new Set<T>();
  for (const beside of around(member)) for (const other of around(beside)) found.add(other);
  return found;
}

const NONE: ReadonlySet<never> = new Set<never>();
