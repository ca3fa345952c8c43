// The way of a blob from one zone into another. Its pieces fall into classes by their number; each class belongs to one host of the
// target zone at a time, a gateway, so that every piece crosses once.
//
//   source zone                      target zone
//   outside ◀──┐
//   outside ◀──┴─asks, its classes only── gateway, which gives to its own zone as any member does
//
// Up to 32 gateways; each asks several hosts, so that a slow or silent one among these costs little: which piece it asks of
// which is its own business. Who leaves loses its classes to the next at once. A class that falls behind the others goes to another
// gateway, with a holder to ask; the one that had it comes last from then on.

import type { PieceShare } from '../../shared/pieces/piece-share.ts';
import type { DirectoryNode } from './directory-node.ts';
import { LagVotes } from './lag-votes.ts';

/** Classes of piece numbers, and so the most gateways of a boundary: 16 are about as good, 100 are worse (simulated). */
export const PIECE_CLASSES = 32;
/** Hosts that a gateway asks where there are many gateways: with one, a slow host there held its class up tenfold (simulated). */
export const OUTSIDES_PER_GATEWAY = 3;
/** Hosts that a gateway asks where there are few: one flow is a small part of a busy sender's uplink. */
export const MOST_OUTSIDES_PER_GATEWAY = 8;
/** Gateways of one zone that one host gives to: those of a lone origin, for each zone, besides the members of its own. */
export const GATEWAYS_PER_OUTSIDE = 16;
/** Hosts looked at in the search for ends of links; as many again as are of use. */
const MAX_LOOKED_AT = 2 * PIECE_CLASSES;

/** Links moved to a less busy host at one event; the next event goes on with it. More would upset what runs. */
const MAX_MOVED = 8;

/** Who may be at the two ends. */
export interface BoundarySides {
  isInside(node: DirectoryNode): boolean;
  isOutside(node: DirectoryNode): boolean;
  /** Has the blob whole. */
  isServer(node: DirectoryNode): boolean;
  /** Everybody who may be an end, the best first. */
  insides(): Iterable<DirectoryNode>;
  outsides(): Iterable<DirectoryNode>;
  /** Those outside that have the blob whole, whether they give to other zones as a rule or not. */
  servers(): Iterable<DirectoryNode>;
  /** Links that a host gives over, in all boundaries of the blob. */
  load(outside: DirectoryNode): number;
}

interface Gateway {
  readonly node: DirectoryNode;
  readonly classes: Set<number>;
  readonly outsides: Set<DirectoryNode>;
  /** A holder that it may ask besides, since it has a class that fell behind elsewhere. */
  server: DirectoryNode | undefined;
}

export class Boundary {
  #gateways: Gateway[] = [];
  /** Gateways whose classes fell behind. */
  readonly #avoided = new Set<DirectoryNode>();
  readonly #votes = new LagVotes();

  /** Every link with what may be asked for over it. */
  *links(): Generator<{ readonly inside: DirectoryNode; readonly outside: DirectoryNode; readonly share: PieceShare }> {
    for (const { node, classes, outsides, server } of this.#gateways) {
      const share = { of: PIECE_CLASSES, classes: [...classes].sort((one, other) => one - other) };
      for (const outside of outsides) yield { inside: node, outside, share };
      if (server !== undefined && !outsides.has(server)) yield { inside: node, outside: server, share };
    }
  }

  /** Makes the links fit who is there now. Gateways keep their classes and hosts as far as may be. */
  balance(sides: BoundarySides): void {
    const free = this.#dropEnded(sides);
    const outsides = this.#outsides(sides);
    if (outsides.length === 0) this.#gateways = [];
    const wanted = Math.min(PIECE_CLASSES, outsides.length * GATEWAYS_PER_OUTSIDE);
    for (const node of this.#idleInsides(sides)) {
      if (this.#gateways.length >= wanted) break;
      this.#gateways.push(newGateway(node, [free.pop() ?? this.#takeClass()]));
    }
    for (const pieceClass of free) this.#least()?.classes.add(pieceClass);
    this.#evenClasses();
    this.#attach(outsides);
  }

  /** A gateway says that classes fall behind. */
  complain(
    reporter: DirectoryNode,
    complaint: { readonly classes: readonly number[]; readonly nowMs: number },
    sides: BoundarySides,
  ): void {
    if (!this.#gateways.some(({ node }) => node === reporter)) return;
    for (const pieceClass of complaint.classes) {
      const owner = this.#gateways.find(({ classes }) => classes.has(pieceClass));
      const vote = {
        pieceClass,
        reporter: reporter.nodeId,
        otherGateways: this.#gateways.length - 1,
        nowMs: complaint.nowMs,
      };
      if (owner !== undefined && this.#votes.add(vote)) this.#takeOver(owner, pieceClass, sides);
    }
  }

  /** @returns classes that nobody has now; at first all. */
  #dropEnded(sides: BoundarySides): number[] {
    for (const node of this.#avoided) if (!sides.isInside(node)) this.#avoided.delete(node);
    this.#gateways = this.#gateways.filter(({ node }) => sides.isInside(node));
    for (const gateway of this.#gateways) {
      const { outsides, server } = gateway;
      for (const node of outsides) if (!sides.isOutside(node)) outsides.delete(node);
      if (server !== undefined && !sides.isServer(server)) gateway.server = undefined;
    }
    const taken = new Set(this.#gateways.flatMap(({ classes }) => [...classes]));
    return Array.from({ length: PIECE_CLASSES }, (_, at) => at).filter((pieceClass) => !taken.has(pieceClass));
  }

  /** Gives one class to another gateway, and that a holder to ask. */
  #takeOver(owner: Gateway, pieceClass: number, sides: BoundarySides): void {
    this.#avoided.add(owner.node);
    const [idle] = this.#idleInsides(sides);
    const fresh = idle === undefined ? undefined : newGateway(idle, []);
    const next = fresh ?? this.#least(this.#gateways.filter((each) => each !== owner)) ?? owner;
    owner.classes.delete(pieceClass);
    next.classes.add(pieceClass);
    if (fresh !== undefined) this.#gateways.push(fresh);
    this.#gateways = this.#gateways.filter(({ classes }) => classes.size > 0);
    next.server ??= this.#leastServer(sides);
    this.#attach(this.#outsides(sides));
  }

  #leastServer(sides: BoundarySides): DirectoryNode | undefined {
    const counts = new Map<DirectoryNode, number>();
    for (const node of sides.servers()) if (counts.size < MAX_LOOKED_AT) counts.set(node, 0);
    for (const { server } of this.#gateways)
      if (server !== undefined) counts.set(server, (counts.get(server) ?? 0) + 1);
    const [least] = [...counts].sort(([, left], [, right]) => left - right);
    return least?.[0];
  }

  /** Who may become a gateway; those that fell behind only when there is no other at all. */
  #idleInsides(sides: BoundarySides): DirectoryNode[] {
    const used = new Set(this.#gateways.map(({ node }) => node));
    const idle: DirectoryNode[] = [];
    let lookedAt = 0;
    for (const node of sides.insides()) {
      if (used.has(node)) continue;
      if (++lookedAt > MAX_LOOKED_AT || idle.length >= PIECE_CLASSES) break;
      idle.push(node);
    }
    const good = idle.filter((node) => !this.#avoided.has(node));
    return good.length > 0 || used.size > 0 ? good : idle;
  }

  /** Whom gateways may ask: those whom some ask now, and others up to as many as are of use, those that give little first. */
  #outsides(sides: BoundarySides): DirectoryNode[] {
    const used = new Set(this.#gateways.flatMap(({ outsides }) => [...outsides]));
    const idle: DirectoryNode[] = [];
    for (const node of sides.outsides()) {
      if (used.has(node)) continue;
      if (idle.length >= MAX_LOOKED_AT) break;
      idle.push(node);
    }
    idle.sort((left, right) => sides.load(left) - sides.load(right));
    return [...used, ...idle];
  }

  /** Gives every gateway as many hosts to ask as it should have, evenly, and takes away what is too many. */
  #attach(outsides: readonly DirectoryNode[]): void {
    const perGateway = Math.min(
      MOST_OUTSIDES_PER_GATEWAY,
      Math.max(OUTSIDES_PER_GATEWAY, Math.ceil(PIECE_CLASSES / Math.max(1, this.#gateways.length))),
    );
    const counts = this.#counts();
    const countOf = (node: DirectoryNode): number => counts.get(node) ?? 0;
    const byCount = (left: DirectoryNode, right: DirectoryNode): number => countOf(left) - countOf(right);
    const change = (gateway: Gateway, node: DirectoryNode, by: 1 | -1): void => {
      if (by === 1) gateway.outsides.add(node);
      else gateway.outsides.delete(node);
      counts.set(node, countOf(node) + by);
    };
    for (const gateway of this.#gateways) {
      while (gateway.outsides.size > perGateway) {
        const most = [...gateway.outsides].sort(byCount).at(-1);
        if (most !== undefined) change(gateway, most, -1);
      }
      while (gateway.outsides.size < perGateway) {
        const [least] = outsides.filter((node) => !gateway.outsides.has(node)).sort(byCount);
        if (least === undefined || countOf(least) >= GATEWAYS_PER_OUTSIDE) break;
        change(gateway, least, 1);
      }
    }
    for (let moved = 0; moved < MAX_MOVED; moved += 1) {
      const inOrder = outsides.toSorted(byCount);
      const [least, most] = [inOrder[0], inOrder.at(-1)];
      if (least === undefined || most === undefined || countOf(most) - countOf(least) < 2) return;
      const gateway = this.#gateways.find((each) => each.outsides.has(most) && !each.outsides.has(least));
      if (gateway === undefined) return;
      change(gateway, most, -1);
      change(gateway, least, 1);
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

  /** A class of the gateway that has the most of them. */
  #takeClass(): number {
    const { classes } = this.#most() ?? { classes: new Set<number>() };
    const [first = 0] = classes;
    classes.delete(first);
    return first;
  }

  #most(): Gateway | undefined {
    let most: Gateway | undefined;
    for (const each of this.#gateways) if (most === undefined || each.classes.size > most.classes.size) most = each;
    return most;
  }

  /** The gateway with the fewest classes among those that did not fall behind, or among all. */
  #least(gateways: readonly Gateway[] = this.#gateways): Gateway | undefined {
    const good = gateways.filter(({ node }) => !this.#avoided.has(node));
    let least: Gateway | undefined;
    for (const each of good.length > 0 ? good : gateways) {
      if (least === undefined || each.classes.size < least.classes.size) least = each;
    }
    return least;
  }

  /** How many gateways ask each host. */
  #counts(): Map<DirectoryNode, number> {
    const counts = new Map<DirectoryNode, number>();
    for (const { outsides } of this.#gateways) {
      for (const node of outsides) counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    return counts;
  }
}

function newGateway(node: DirectoryNode, classes: readonly number[]): Gateway {
  return { node, classes: new Set(classes), outsides: new Set(), server: undefined };
}
