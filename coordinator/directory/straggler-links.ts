// Members whose links are much slower than those of the others, and whom each of them is linked to: two of the others. On the rings
// a slow host takes two of eight places of its neighbours, of which some then have several slow ones and end late; a straggler gets
// the blob at the pace of its link all the same.

/** Members that a straggler is linked to: with one it would hang on a single host. */
export const LINKS_PER_STRAGGLER = 2;
/** Stragglers that one member is linked to. With at most one straggler for three others there is room for all of them. */
const STRAGGLERS_PER_MEMBER = 2;

/** The stragglers of a swarm with their links. */
export class StragglerLinks<T> {
  readonly #stragglers = new Set<T>();
  /** Both ways. */
  readonly #links = new Map<T, Set<T>>();
  readonly #short = new Set<T>();

  get count(): number {
    return this.#stragglers.size;
  }

  /** The one that is a straggler for the longest. */
  get first(): T | undefined {
    const [first] = this.#stragglers;
    return first;
  }

  has(member: T): boolean {
    return this.#stragglers.has(member);
  }

  /** Of a straggler those it is linked to, of others their stragglers. */
  of(member: T): ReadonlySet<T> {
    return this.#links.get(member) ?? NONE;
  }

  add(straggler: T): void {
    this.#stragglers.add(straggler);
    this.#short.add(straggler);
  }

  /** A straggler is none any more, or one of the others is no member any more or becomes a straggler. */
  remove(member: T): void {
    this.#stragglers.delete(member);
    this.#short.delete(member);
    const links = this.#links.get(member) ?? NONE;
    this.#links.delete(member);
    for (const other of links) {
      this.#links.get(other)?.delete(member);
      if (this.#stragglers.has(other)) this.#short.add(other);
    }
  }

  /**
   * Links stragglers that lack a member.
   * @param graph.candidates for a straggler, members that are none, the best first. @param graph.willChange called before a link of a
   * member changes.
   */
  balance(graph: {
    readonly candidates: (straggler: T) => Iterable<T>;
    readonly willChange: (member: T) => void;
  }): void {
    for (const straggler of this.#short) {
      for (const other of graph.candidates(straggler)) {
        const links = this.#of(straggler);
        if (links.size >= LINKS_PER_STRAGGLER) break;
        if (links.has(other) || this.of(other).size >= STRAGGLERS_PER_MEMBER) continue;
        graph.willChange(straggler);
        graph.willChange(other);
        links.add(other);
        this.#of(other).add(straggler);
      }
      if (this.of(straggler).size >= LINKS_PER_STRAGGLER) this.#short.delete(straggler);
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
