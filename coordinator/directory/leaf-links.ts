// Members whose links are much slower than those of the others, and whom each of them is linked to: two of the others. On the rings
// a slow host takes two of eight places of its neighbours, of which some then have several slow ones and end late; a leaf gets
// the blob at the pace of its link all the same.

/** Members that a leaf is linked to: with one it would hang on a single host. */
export const LINKS_PER_LEAF = 2;
/** Leaves that one member is linked to. With at most one leaf for three others there is room for all of them. */
const LEAVES_PER_MEMBER = 2;

/** The leaves of a swarm with their links. */
export class LeafLinks<T> {
  readonly #leaves = new Set<T>();
  /** Both ways. */
  readonly #links = new Map<T, Set<T>>();
  readonly #short = new Set<T>();

  get count(): number {
    return this.#leaves.size;
  }

  /** The one that is a leaf for the longest. */
  get first(): T | undefined {
    const [first] = this.#leaves;
    return first;
  }

  has(member: T): boolean {
    return this.#leaves.has(member);
  }

  /** Of a leaf those it is linked to, of others their leaves. */
  of(member: T): ReadonlySet<T> {
    return this.#links.get(member) ?? NONE;
  }

  add(leaf: T): void {
    this.#leaves.add(leaf);
    this.#short.add(leaf);
  }

  /** A leaf is none any more, or one of the others is no member any more or becomes a leaf. */
  remove(member: T): void {
    this.#leaves.delete(member);
    this.#short.delete(member);
    const links = this.#links.get(member) ?? NONE;
    this.#links.delete(member);
    for (const other of links) {
      this.#links.get(other)?.delete(member);
      if (this.#leaves.has(other)) this.#short.add(other);
    }
  }

  /**
   * Links leaves that lack a member.
   * @param graph.candidates for a leaf, members that are none, the best first. @param graph.willChange called before a link of a
   * member changes.
   */
  balance(graph: { readonly candidates: (leaf: T) => Iterable<T>; readonly willChange: (member: T) => void }): void {
    for (const leaf of this.#short) {
      for (const other of graph.candidates(leaf)) {
        const links = this.#of(leaf);
        if (links.size >= LINKS_PER_LEAF) break;
        if (links.has(other) || this.of(other).size >= LEAVES_PER_MEMBER) continue;
        graph.willChange(leaf);
        graph.willChange(other);
        links.add(other);
        this.#of(other).add(leaf);
      }
      if (this.of(leaf).size >= LINKS_PER_LEAF) this.#short.delete(leaf);
    }
  }

  #of(member: T): Set<T> {
    let links = this.#links.get(member);
    if (links === undefined) {
      links = new Set();
      this.#links.set(member, links);
    }
    return links;
  }
}

const NONE: ReadonlySet<never> = new Set<never>();
