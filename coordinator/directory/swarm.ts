// The swarm of one blob over all zones: in each zone a graph of its own (zone-swarm.ts), and between zones only the links of
// gateways (boundary.ts), into each zone that nobody can serve from within (zone-routes.ts). In a fleet of one zone there
// is one graph and nothing else.

import type { Digest } from '../../shared/oci/digest.ts';
import { isSameShare, type PieceShare } from '../../shared/pieces/piece-share.ts';
import type { BlobHolders } from './blob-holders.ts';
import { Boundary, type BoundarySides } from './boundary.ts';
import type { DirectoryNode } from './directory-node.ts';
import type { NeighbourChanges } from './neighbour-changes.ts';
import { chooseRoutes, type RoutedZone, type ZoneRoutes } from './zone-routes.ts';
import { ZoneSwarm } from './zone-swarm.ts';

/** One direction between two zones. */
interface Crossing {
  readonly source: string;
  readonly target: string;
  readonly boundary: Boundary;
}

type Shares = Map<DirectoryNode, PieceShare>;

export class Swarm {
  readonly digest: Digest;
  readonly #holders: BlobHolders;
  readonly #zones = new Map<string, ZoneSwarm>();
  #routes: ZoneRoutes = new Map();
  #crossings: readonly Crossing[] = [];
  /** Each gateway with those of other zones that it may ask, as they were told. */
  #told = new Map<DirectoryNode, Shares>();
  /** Links that each host gives over to other zones. */
  readonly #load = new Map<DirectoryNode, number>();

  /** @param holders everybody who holds the blob whole, kept by the directory. */
  constructor(digest: Digest, holders: BlobHolders) {
    this.digest = digest;
    this.#holders = holders;
  }

  get memberCount(): number {
    let count = 0;
    for (const zone of this.#zones.values()) count += zone.memberCount;
    return count;
  }

  /** True while some member has no holder of its own zone. */
  get isWaiting(): boolean {
    for (const zone of this.#zones.values()) if (zone.isWaiting) return true;
    return false;
  }

  hasMember(node: DirectoryNode): boolean {
    return this.#zones.get(node.zone)?.hasMember(node) === true;
  }

  /** Everybody that a member is told of, with the share of the pieces it may ask for; undefined is all of them. */
  neighboursOf(member: DirectoryNode): Map<DirectoryNode, PieceShare | undefined> {
    const neighbours = new Map<DirectoryNode, PieceShare | undefined>();
    for (const node of this.#zones.get(member.zone)?.neighboursOf(member) ?? []) neighbours.set(node, undefined);
    for (const [outside, share] of this.#told.get(member) ?? []) neighbours.set(outside, share);
    return neighbours;
  }

  join(member: DirectoryNode, changes: NeighbourChanges): void {
    if (this.hasMember(member)) return;
    this.#zone(member.zone).join(member, changes);
    this.#reroute(member.zone, changes);
  }

  /** A member is slow from now on. */
  slowedDown(member: DirectoryNode, changes: NeighbourChanges): void {
    if (!this.hasMember(member)) return;
    this.#zone(member.zone).slowedDown(member, changes);
    this.#reroute(member.zone, changes);
  }

  /** A member stops downloading. */
  leave(member: DirectoryNode, changes: NeighbourChanges): void {
    this.#zone(member.zone).leave(member, changes);
    this.#reroute(member.zone, changes);
  }

  /** A member holds the blob whole now. */
  complete(member: DirectoryNode, changes: NeighbourChanges): void {
    this.#zone(member.zone).complete(member, changes);
    this.#reroute(member.zone, changes);
  }

  /** A node holds the blob, or can be reached again. */
  holderCame(holder: DirectoryNode, changes: NeighbourChanges): void {
    if (!this.#holders.has(holder)) return;
    this.#zone(holder.zone).holderCame(holder, changes);
    this.#reroute(holder.zone, changes);
  }

  /** A holder is out of reach or holds the blob no longer. */
  holderWent(holder: DirectoryNode, changes: NeighbourChanges): void {
    this.#zone(holder.zone).holderWent(holder, changes);
    this.#reroute(holder.zone, changes);
  }

  /** A holder has a new session: those who know it are told again. */
  remind(holder: DirectoryNode, changes: NeighbourChanges): void {
    for (const member of this.#zones.get(holder.zone)?.membersOf(holder) ?? []) {
      changes.add(this.digest, member.nodeId, { nodeId: holder.nodeId });
    }
    for (const [inside, shares] of this.#told) {
      const share = shares.get(holder);
      if (share !== undefined) changes.add(this.digest, inside.nodeId, { nodeId: holder.nodeId, share });
    }
  }

  /** A gateway says that some classes of pieces fall behind the others in its zone. */
  complain(
    reporter: DirectoryNode,
    complaint: { readonly classes: readonly number[]; readonly nowMs: number },
    changes: NeighbourChanges,
  ): void {
    for (const crossing of this.#crossings) {
      if (crossing.target === reporter.zone) crossing.boundary.complain(reporter, complaint, this.#sidesOf(crossing));
    }
    this.#tell(changes);
  }

  /** Nobody downloads any more: holders need not remember this swarm. */
  close(): void {
    for (const zone of this.#zones.values()) zone.close();
    for (const outside of this.#load.keys()) outside.bridgedSwarms.delete(this.digest);
  }

  #zone(name: string): ZoneSwarm {
    let zone = this.#zones.get(name);
    if (zone === undefined) {
      zone = new ZoneSwarm(this.digest, this.#holders.in(name));
      this.#zones.set(name, zone);
    }
    return zone;
  }

  /** Something changed in a zone: looks whether others still get their copy, or another now has to come in. */
  #reroute(changed: string, changes: NeighbourChanges): void {
    for (const zone of this.#holders.zones) this.#zone(zone);
    if (this.#zones.size < 2) return;
    const zones: RoutedZone[] = [];
    for (const [name, zone] of this.#zones) {
      zones.push({ name, memberCount: zone.memberCount, hasServer: zone.hasServer });
    }
    const before = this.#crossings;
    this.#routes = chooseRoutes(zones, this.#routes);
    this.#crossings = [...this.#routes].flatMap(([target, sources]) =>
      sources.map((source) => {
        const kept = before.find((each) => each.source === source && each.target === target);
        return kept ?? { source, target, boundary: new Boundary() };
      }),
    );
    for (const crossing of this.#crossings) {
      const isTouched = crossing.source === changed || crossing.target === changed || !before.includes(crossing);
      if (isTouched) crossing.boundary.balance(this.#sidesOf(crossing));
    }
    this.#tell(changes);
  }

  #sidesOf({ source, target }: Crossing): BoundarySides {
    const inner = this.#zone(target);
    const outer = this.#zone(source);
    const givers = outer.givers();
    return {
      isInside: (node) => inner.hasFastMember(node),
      isOutside: (node) => givers.has(node),
      isServer: (node) => outer.isServer(node),
      insides: () => inner.fastMembers(),
      outsides: () => givers.list(),
      servers: () => outer.servers(),
      load: (node) => this.#load.get(node) ?? 0,
    };
  }

  /** Notes for every gateway how its links to other zones differ from what it was told. */
  #tell(changes: NeighbourChanges): void {
    const before = this.#told;
    const now = this.#readLinks();
    for (const [inside, shares] of before) {
      if (!this.hasMember(inside)) continue;
      for (const [outside, share] of shares) {
        const { nodeId } = outside;
        if (now.get(inside)?.has(outside) !== true) changes.remove(this.digest, inside.nodeId, { nodeId, share });
      }
    }
    for (const [inside, shares] of now) {
      for (const [outside, share] of shares) {
        const old = before.get(inside)?.get(outside);
        if (old === undefined) changes.add(this.digest, inside.nodeId, { nodeId: outside.nodeId, share });
        else if (!isSameShare(old, share))
          changes.update(this.digest, inside.nodeId, { nodeId: outside.nodeId, share });
      }
    }
    this.#told = now;
  }

  #readLinks(): Map<DirectoryNode, Shares> {
    const links = new Map<DirectoryNode, Shares>();
    for (const outside of this.#load.keys()) outside.bridgedSwarms.delete(this.digest);
    this.#load.clear();
    for (const { boundary } of this.#crossings) {
      for (const { inside, outside, share } of boundary.links()) {
        const shares: Shares = links.get(inside) ?? new Map<DirectoryNode, PieceShare>();
        links.set(inside, shares.set(outside, share));
        this.#load.set(outside, (this.#load.get(outside) ?? 0) + 1);
        outside.bridgedSwarms.add(this.digest);
      }
    }
    return links;
  }
}
