// The links over which one zone gets a blob from another. The pieces fall into classes by their number; each class belongs to one
// link at a time, so that every piece crosses once.
//
//   source zone                     target zone
//   outside ◀──asks, its classes only── inside (a gateway), which gives to its own zone as any member does
//
// Up to 32 links, between different hosts at both ends where there are so many; where there are fewer, a host has several. Who
// leaves or goes out of reach loses its classes to the next at once. A class that falls behind the others goes to
// another link, first of all to one that ends at a holder; hosts that were at the ends of such a link come last from then on.

import type { PieceShare } from '../../shared/pieces/piece-share.ts';
import type { DirectoryNode } from './directory-node.ts';
import { LagVotes } from './lag-votes.ts';

/** Classes of piece numbers, and so the most links of a boundary: 16 links are about as good, 100 are worse (simulated). */
export const PIECE_CLASSES = 32;
/** Links of one gateway: in a small zone each has several, since one flow is a small part of a busy sender's uplink. */
export const LINKS_PER_GATEWAY = 8;
/** Links into one zone that one host gives over: those of a lone origin, for each zone, besides the members of its own. */
export const LINKS_PER_OUTSIDE = 16;
/** Hosts looked at in the search for one that gives over no other boundary yet; then one that does is taken. */
const MAX_LOOKED_AT = 2 * PIECE_CLASSES;

/** Who may be at the two ends. */
export interface BoundarySides {
  isInside(node: DirectoryNode): boolean;
  isOutside(node: DirectoryNode): boolean;
  /** Has the blob whole. */
  isServer(node: DirectoryNode): boolean;
  /** Everybody who may be an end, the best first. */
  insides(): Iterable<DirectoryNode>;
  outsides(): Iterable<DirectoryNode>;
  /** Links that a host gives over, in all boundaries of the blob. */
  load(outside: DirectoryNode): number;
}

interface GatewayLink {
  readonly inside: DirectoryNode;
  readonly outside: DirectoryNode;
  readonly classes: Set<number>;
  /** Made for a class that fell behind: it is not moved to idle hosts. */
  isPinned: boolean;
}

type End = 'inside' | 'outside';

export class Boundary {
  #links: GatewayLink[] = [];
  /** Ends of links whose classes fell behind. */
  readonly #avoided = new Set<DirectoryNode>();
  readonly #votes = new LagVotes();

  /** Every link with what may be asked for over it. */
  *links(): Generator<{ readonly inside: DirectoryNode; readonly outside: DirectoryNode; readonly share: PieceShare }> {
    for (const { inside, outside, classes } of this.#links) {
      yield { inside, outside, share: { of: PIECE_CLASSES, classes: [...classes].sort((one, other) => one - other) } };
    }
  }

  /** Makes the links fit who is there now. Links that may stay do. */
  balance(sides: BoundarySides): void {
    const free = this.#dropEnded(sides);
    const insides = this.#candidates('inside', sides);
    const outsides = this.#candidates('outside', sides);
    const wanted = Math.min(
      PIECE_CLASSES,
      insides.length * Math.min(LINKS_PER_GATEWAY, outsides.length),
      outsides.length * LINKS_PER_OUTSIDE,
    );
    while (this.#links.length < wanted) {
      const link = this.#nextLink(insides, outsides);
      if (link === undefined) break;
      link.classes.add(free.pop() ?? this.#takeClass());
      this.#links.push(link);
    }
    this.#useIdle('inside', insides);
    this.#useIdle('outside', outsides);
    for (const pieceClass of free) this.#least()?.classes.add(pieceClass);
    this.#evenClasses();
  }

  /** A gateway says that classes fall behind. */
  complain(
    reporter: DirectoryNode,
    complaint: { readonly classes: readonly number[]; readonly nowMs: number },
    sides: BoundarySides,
  ): void {
    const gateways = new Set(this.#links.map(({ inside }) => inside));
    if (!gateways.has(reporter)) return;
    for (const pieceClass of complaint.classes) {
      const owner = this.#links.find(({ classes }) => classes.has(pieceClass));
      const vote = {
        pieceClass,
        reporter: reporter.nodeId,
        otherGateways: gateways.size - 1,
        nowMs: complaint.nowMs,
      };
      if (owner !== undefined && this.#votes.add(vote)) this.#takeOver(owner, pieceClass, sides);
    }
  }

  /** @returns classes that nobody has now; at first all. */
  #dropEnded(sides: BoundarySides): number[] {
    for (const node of this.#avoided) if (!sides.isInside(node) && !sides.isOutside(node)) this.#avoided.delete(node);
    this.#links = this.#links.filter(({ inside, outside }) => sides.isInside(inside) && sides.isOutside(outside));
    const taken = new Set(this.#links.flatMap(({ classes }) => [...classes]));
    return Array.from({ length: PIECE_CLASSES }, (_, at) => at).filter((pieceClass) => !taken.has(pieceClass));
  }

  /** Gives one class to another link than its own, with other hosts at both ends if there are any. */
  #takeOver(owner: GatewayLink, pieceClass: number, sides: BoundarySides): void {
    this.#avoided.add(owner.inside).add(owner.outside);
    owner.classes.delete(pieceClass);
    this.#links = this.#links.filter(({ classes }) => classes.size > 0);
    const insides = this.#candidates('inside', sides);
    const outsides = this.#candidates('outside', sides);
    const servers = outsides.filter((node) => node !== owner.outside && sides.isServer(node));
    const link = this.#nextLink(insides, servers) ?? this.#nextLink(insides, outsides);
    const isOther = link !== undefined && (link.inside !== owner.inside || link.outside !== owner.outside);
    const next = isOther ? link : (this.#least(this.#links.filter((each) => each !== owner)) ?? owner);
    next.isPinned = true;
    next.classes.add(pieceClass);
    if (!this.#links.includes(next)) this.#links.push(next);
  }

  /**
   * Who may get a link at one end: those who have some, and as many as are of use who have none; the avoided only when
   * there is nobody else.
   */
  #candidates(end: End, sides: BoundarySides): DirectoryNode[] {
    const used = new Set(this.#links.map((link) => link[end]));
    const idle: DirectoryNode[] = [];
    let lookedAt = 0;
    for (const node of end === 'inside' ? sides.insides() : sides.outsides()) {
      if (used.has(node)) continue;
      if (idle.length >= PIECE_CLASSES || ++lookedAt > MAX_LOOKED_AT) break;
      idle.push(node);
    }
    if (end === 'outside') idle.sort((left, right) => sides.load(left) - sides.load(right));
    const all = [...used, ...idle];
    const good = all.filter((node) => !this.#avoided.has(node));
    return good.length > 0 ? good : all;
  }

  /** A link that is not there yet, between those who have the fewest. */
  #nextLink(insides: readonly DirectoryNode[], outsides: readonly DirectoryNode[]): GatewayLink | undefined {
    const insideCounts = this.#counts('inside');
    const outsideCounts = this.#counts('outside');
    const byCount = (counts: ReadonlyMap<DirectoryNode, number>) => (left: DirectoryNode, right: DirectoryNode) =>
      (counts.get(left) ?? 0) - (counts.get(right) ?? 0);
    const outsidesInOrder = outsides
      .filter((node) => (outsideCounts.get(node) ?? 0) < LINKS_PER_OUTSIDE)
      .sort(byCount(outsideCounts));
    for (const inside of insides.toSorted(byCount(insideCounts))) {
      if ((insideCounts.get(inside) ?? 0) >= LINKS_PER_GATEWAY) return undefined;
      const outside = outsidesInOrder.find((node) => !this.#isLinked(inside, node));
      if (outside !== undefined) return { inside, outside, classes: new Set(), isPinned: false };
    }
    return undefined;
  }

  /** Who has no link takes one of whoever has several. */
  #useIdle(end: End, candidates: readonly DirectoryNode[]): void {
    const counts = this.#counts(end);
    for (const idle of candidates) {
      if (counts.has(idle)) continue;
      let at = -1;
      for (const [index, link] of this.#links.entries()) {
        if (link.isPinned) continue;
        const most = this.#links[at];
        if ((counts.get(link[end]) ?? 0) > (most === undefined ? 1 : (counts.get(most[end]) ?? 0))) at = index;
      }
      const moved = this.#links[at];
      if (moved === undefined) return;
      this.#links[at] = { ...moved, [end]: idle };
      counts.set(moved[end], (counts.get(moved[end]) ?? 0) - 1);
      counts.set(idle, 1);
    }
  }

  #evenClasses(): void {
    for (;;) {
      const most = this.#most();
      const least = this.#least();
      if (most === undefined || least === undefined || most.classes.size - least.classes.size < 2) return;
      least.classes.add(this.#takeClass());
    }
  }

  /** A class of the link that has the most of them. */
  #takeClass(): number {
    const { classes } = this.#most() ?? { classes: new Set<number>() };
    const [first = 0] = classes;
    classes.delete(first);
    return first;
  }

  #most(): GatewayLink | undefined {
    let most: GatewayLink | undefined;
    for (const link of this.#links) if (most === undefined || link.classes.size > most.classes.size) most = link;
    return most;
  }

  /** The link with the fewest classes among those that are not avoided, or among all. */
  #least(links: readonly GatewayLink[] = this.#links): GatewayLink | undefined {
    const good = links.filter(({ inside, outside }) => !this.#avoided.has(inside) && !this.#avoided.has(outside));
    let least: GatewayLink | undefined;
    for (const link of good.length > 0 ? good : links) {
      if (least === undefined || link.classes.size < least.classes.size) least = link;
    }
    return least;
  }

  #counts(end: End): Map<DirectoryNode, number> {
    const counts = new Map<DirectoryNode, number>();
    for (const link of this.#links) counts.set(link[end], (counts.get(link[end]) ?? 0) + 1);
    return counts;
  }

  #isLinked(inside: DirectoryNode, outside: DirectoryNode): boolean {
    return this.#links.some((link) => link.inside === inside && link.outside === outside);
  }
}
