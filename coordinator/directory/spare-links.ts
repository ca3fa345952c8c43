// Links between members that have too few neighbours on the rings. Where two places of two members coincide both are one
// neighbour short; a few members with fewer neighbours than the others get less from each of them and finish late.
// Coincidences are some dozen in a swarm, however large it is, so those who are short are simply linked with each other.

/** Neighbours that a member of a large swarm has. */
export const FELLOWS = 8;

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
   * @param touched members whose neighbours on the rings changed. @param onRings a member's neighbours on the rings.
   */
  balance(touched: Iterable<T>, onRings: (member: T) => ReadonlySet<T>): void {
    for (const member of touched) {
      for (const other of [...this.of(member)]) {
        const beside = onRings(member);
        const isNeeded = !beside.has(other) && beside.size + this.of(member).size <= FELLOWS;
        if (isNeeded) continue;
        this.#unlink(member, other);
        this.#short.add(other);
      }
      this.#short.add(member);
    }
    for (const member of [...this.#short]) this.#findPartners(member, onRings);
  }

  #findPartners(member: T, onRings: (member: T) => ReadonlySet<T>): void {
    const beside = onRings(member);
    const lacks = (each: T): boolean => onRings(each).size + this.of(each).size < FELLOWS;
    for (const other of [...this.#short]) {
      if (!lacks(member)) break;
      if (other === member || beside.has(other) || this.of(member).has(other)) continue;
      if (lacks(other)) this.#link(member, other);
      if (!lacks(other)) this.#short.delete(other);
    }
    if (!lacks(member)) this.#short.delete(member);
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

const NONE: ReadonlySet<never> = new Set<never>();
