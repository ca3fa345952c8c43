// The swarm of one blob in one zone: who downloads it there, and whom of the zone each downloader is told of.
//
//   member ── member    some eight of the others (member-links.ts)
//   member ── holder    up to 8 holders per member, 32 members per holder; origins are not linked to stragglers
//
// Found by simulation: a holder such as an origin is linked to 32 members at most; a freed place at a holder goes to a member that
// has no holder. Places at holders are spread over racks (rack-spread.ts).
//
// Since members are connected among themselves, every member has a path to a holder as soon as one member is linked to one.

import type { Digest } from '../../shared/oci/digest.ts';
import { MemberLinks, type WillChange } from './member-links.ts';
import type { NeighbourChanges } from './neighbour-changes.ts';
import type { Ring } from './ring.ts';
import { crowdedMember } from './rack-spread.ts';
import type { DirectoryNode } from './directory-node.ts';

/** Members that one holder is linked to. More only share its uplink thinner; fewer slow the first pass of the pieces. */
export const MEMBERS_PER_HOLDER = 32;
/** Holders that one member is linked to: as many as neighbours are worth having, when the blob is everywhere already. */
export const HOLDERS_PER_MEMBER = 8;

/**
 * Members of a zone from which on its few holders give to it alone: a holder has each piece first, so that gateways would take all
 * from there, and its uplink is what the first copy has to come through. (Simulated: 8 zones take 2.1 of the bound with
 * them.) As many holders that are no origins are not few.
 */
const ENOUGH_GIVERS = 3;

/** Those of a zone who give to other zones: members, and holders while there are few members, or many of them. */
export interface ZoneGivers {
  has(node: DirectoryNode): boolean;
  /** Origins last. */
  list(): Iterable<DirectoryNode>;
}

export class ZoneSwarm {
  readonly digest: Digest;
  readonly #holders: Ring<DirectoryNode>;
  readonly #members = new MemberLinks();
  /** Each member with the holders it is linked to. */
  readonly #holdersOf = new Map<DirectoryNode, Set<DirectoryNode>>();
  /** Each holder that is linked with its members. */
  readonly #linked = new Map<DirectoryNode, Set<DirectoryNode>>();
  /** Members without a holder, the longest waiting first. */
  readonly #waiting = new Set<DirectoryNode>();

  /** @param holders everybody in the zone who holds the blob whole, kept by the directory. */
  constructor(digest: Digest, holders: Ring<DirectoryNode>) {
    this.digest = digest;
    this.#holders = holders;
  }

  get memberCount(): number {
    return this.#members.size;
  }

  /** True while some member has no holder of its own. */
  get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Those who download and are not slow, in the order they came. */
  fastMembers(): Iterable<DirectoryNode> {
    return this.#members.fast();
  }

  /** True when somebody has the blob whole and can give it. */
  get hasServer(): boolean {
    for (const holder of this.#holders.list()) if (this.isServer(holder)) return true;
    return false;
  }

  hasMember(node: DirectoryNode): boolean {
    return this.#members.has(node);
  }

  hasFastMember(node: DirectoryNode): boolean {
    return this.#members.hasFast(node);
  }

  /** Has the blob whole and can give it. A holder that downloads it says by that that it cannot. */
  isServer(node: DirectoryNode): boolean {
    return node.isReachable && this.#holders.has(node) && !this.#members.has(node);
  }

  /** Those of the zone who give to other zones now. */
  givers(): ZoneGivers {
    const areMembersEnough = this.#members.size >= ENOUGH_GIVERS;
    let spareServers = 0;
    for (const holder of this.#holders.list()) {
      if (spareServers >= ENOUGH_GIVERS) break;
      if (!holder.isOrigin && this.isServer(holder)) spareServers += 1;
    }
    const mayServe = (holder: DirectoryNode): boolean =>
      !areMembersEnough || (spareServers >= ENOUGH_GIVERS && !holder.isOrigin);
    return {
      has: (node) => this.hasFastMember(node) || (this.isServer(node) && mayServe(node)),
      list: () => this.#listGivers(mayServe),
    };
  }

  /** Everybody of the zone who has the blob whole and can give it. */
  *servers(): Generator<DirectoryNode> {
    for (const holder of this.#holders.list()) if (this.isServer(holder)) yield holder;
  }

  *#listGivers(mayServe: (holder: DirectoryNode) => boolean): Generator<DirectoryNode> {
    for (const holder of this.#holders.list())
      if (!holder.isOrigin && this.isServer(holder) && mayServe(holder)) yield holder;
    yield* this.fastMembers();
    for (const holder of this.#holders.list())
      if (holder.isOrigin && this.isServer(holder) && mayServe(holder)) yield holder;
  }

  /** Everybody of the zone that a member is told of: members and holders. */
  neighboursOf(member: DirectoryNode): Set<DirectoryNode> {
    const neighbours = this.#members.of(member);
    for (const holder of this.#holdersOf.get(member) ?? []) neighbours.add(holder);
    return neighbours;
  }

  /** Members that are linked to a holder. */
  membersOf(holder: DirectoryNode): Iterable<DirectoryNode> {
    return this.#linked.get(holder) ?? [];
  }

  join(member: DirectoryNode, changes: NeighbourChanges): void {
    if (this.#members.has(member)) return;
    this.#holdersOf.set(member, new Set());
    this.#reshape(changes, (willChange) => this.#members.add(member, willChange));
    this.holderWent(member, changes); // it would not ask if it could serve
    this.#waiting.add(member);
    const holders = this.#chooseHolders(member, HOLDERS_PER_MEMBER);
    for (const holder of holders) this.#link(holder, member, changes);
    if (holders.length === 0) this.#takePlace(member, changes);
  }

  /** A member turned out to be slow: its neighbours are joined as if it had left, and its places at origins go to others. */
  slowedDown(member: DirectoryNode, changes: NeighbourChanges): void {
    if (!this.#members.mayBecomeStraggler(member)) return;
    this.#reshape(changes, (willChange) => this.#members.makeStraggler(member, willChange));
    for (const holder of this.#holdersOf.get(member) ?? []) {
      if (!holder.isOrigin) continue;
      this.#unlink(holder, member, changes);
      this.#grantFree(holder, changes);
    }
  }

  /** A member stops downloading. Its places at holders go to members that have none. */
  leave(member: DirectoryNode, changes: NeighbourChanges): void {
    this.#depart(member, changes);
    this.#grantFree(member, changes); // it may be recorded as a holder that had asked all the same
  }

  /** A member holds the blob whole now: it leaves the rings and goes on serving those it knows. */
  complete(member: DirectoryNode, changes: NeighbourChanges): void {
    const fellows = this.#members.of(member);
    this.#depart(member, changes);
    for (const fellow of fellows) {
      const holderCount = this.#holdersOf.get(fellow)?.size ?? HOLDERS_PER_MEMBER;
      if (holderCount < HOLDERS_PER_MEMBER && this.#mayLink(member, fellow)) this.#link(member, fellow, changes);
    }
    this.#grantFree(member, changes);
  }

  /** A node holds the blob, or can be reached again. */
  holderCame(holder: DirectoryNode, changes: NeighbourChanges): void {
    this.#grantFree(holder, changes);
  }

  /** A holder is out of reach or holds the blob no longer: who has no other gets another, if there is one. */
  holderWent(holder: DirectoryNode, changes: NeighbourChanges): void {
    const members = this.#linked.get(holder);
    if (members === undefined) return;
    this.#linked.delete(holder);
    holder.servedSwarms.delete(this.digest);
    for (const member of members) {
      const holders = this.#holdersOf.get(member);
      holders?.delete(holder);
      if (!this.#members.of(member).has(holder)) changes.remove(this.digest, member.nodeId, { nodeId: holder.nodeId });
      if (holders?.size !== 0) continue;
      this.#waiting.add(member);
      for (const other of this.#chooseHolders(member, 1)) this.#link(other, member, changes);
    }
  }

  /** Nobody downloads any more: holders need not remember this swarm. */
  close(): void {
    for (const holder of this.#linked.keys()) holder.servedSwarms.delete(this.digest);
    this.#linked.clear();
  }

  /** Gives a holder's free places to members that wait for one. */
  #grantFree(holder: DirectoryNode, changes: NeighbourChanges): void {
    if (!this.#holders.has(holder)) return;
    for (const member of this.#waiting) {
      if (!this.#hasPlace(holder)) return;
      if (!this.#mayLink(holder, member)) continue;
      this.#link(holder, member, changes);
    }
  }

  /** All places are taken: one that a crowded rack has goes to a member of another, who passes on what it gets there. */
  #takePlace(member: DirectoryNode, changes: NeighbourChanges): void {
    if (this.#members.isStraggler(member)) return;
    let lookedAt = 0;
    for (const [holder, members] of this.#linked) {
      if (++lookedAt > HOLDERS_PER_MEMBER) return;
      const crowded = this.isServer(holder) ? crowdedMember(members, member.rack) : undefined;
      if (crowded === undefined) continue;
      this.#unlink(holder, crowded, changes);
      this.#link(holder, member, changes);
      return;
    }
  }

  /**
   * Reachable holders with a free place, going round from the member's own place; origins only when others do not suffice, and
   * slow ones last.
   */
  #chooseHolders(member: DirectoryNode, wanted: number): DirectoryNode[] {
    const chosen: DirectoryNode[] = [];
    const origins: DirectoryNode[] = [];
    const slow: DirectoryNode[] = [];
    for (const holder of this.#holders.from(member)) {
      if (chosen.length >= wanted) break;
      if (!this.#hasPlace(holder) || !this.#mayLink(holder, member)) continue;
      if (holder.isOrigin) origins.push(holder);
      else if (holder.isSlow) slow.push(holder);
      else chosen.push(holder);
    }
    return [...chosen, ...origins, ...slow].slice(0, wanted);
  }

  /** May be linked to one more member. */
  #hasPlace(holder: DirectoryNode): boolean {
    return this.isServer(holder) && (this.#linked.get(holder)?.size ?? 0) < MEMBERS_PER_HOLDER;
  }

  /** What an origin alone has does not go out through those who pass it on slowly. */
  #mayLink(holder: DirectoryNode, member: DirectoryNode): boolean {
    return !holder.isOrigin || !this.#members.isStraggler(member);
  }

  /** Takes a place at a holder from a member. */
  #unlink(holder: DirectoryNode, member: DirectoryNode, changes: NeighbourChanges): void {
    const members = this.#linked.get(holder);
    members?.delete(member);
    if (members?.size === 0) {
      this.#linked.delete(holder);
      holder.servedSwarms.delete(this.digest);
    }
    const left = this.#holdersOf.get(member);
    left?.delete(holder);
    if (left?.size === 0) this.#waiting.add(member);
    if (!this.#members.of(member).has(holder)) changes.remove(this.digest, member.nodeId, { nodeId: holder.nodeId });
  }

  #link(holder: DirectoryNode, member: DirectoryNode, changes: NeighbourChanges): void {
    const isKnown = this.#members.of(member).has(holder);
    let members = this.#linked.get(holder);
    if (members === undefined) {
      members = new Set();
      this.#linked.set(holder, members);
    }
    members.add(member);
    this.#holdersOf.get(member)?.add(holder);
    this.#waiting.delete(member);
    holder.servedSwarms.add(this.digest);
    if (!isKnown) changes.add(this.digest, member.nodeId, { nodeId: holder.nodeId });
  }

  #depart(member: DirectoryNode, changes: NeighbourChanges): void {
    const holders = this.#holdersOf.get(member);
    if (holders === undefined) return;
    this.#reshape(changes, (willChange) => {
      this.#members.remove(member, willChange);
      this.#holdersOf.delete(member);
    });
    this.#waiting.delete(member);
    changes.drop(this.digest, member.nodeId);
    for (const holder of holders) {
      const members = this.#linked.get(holder);
      members?.delete(member);
      if (members?.size === 0) {
        this.#linked.delete(holder);
        holder.servedSwarms.delete(this.digest);
      }
      this.#grantFree(holder, changes);
    }
    for (let next = this.#members.surplusStraggler; next !== undefined; next = this.#members.surplusStraggler)
      this.#promote(next, changes);
  }

  #promote(straggler: DirectoryNode, changes: NeighbourChanges): void {
    this.#reshape(changes, (willChange) => this.#members.promote(straggler, willChange));
    if (this.#holdersOf.get(straggler)?.size === 0) {
      for (const holder of this.#chooseHolders(straggler, 1)) this.#link(holder, straggler, changes);
    }
  }

  /** Changes links of members, and notes for everybody what that changes of whom it is told of. */
  #reshape(changes: NeighbourChanges, change: (willChange: WillChange) => void): void {
    const before = new Map<DirectoryNode, Set<DirectoryNode>>();
    change((node) => {
      if (!before.has(node)) before.set(node, this.neighboursOf(node));
    });
    for (const [node, old] of before) {
      const now = this.neighboursOf(node);
      for (const other of old) if (!now.has(other)) changes.remove(this.digest, node.nodeId, { nodeId: other.nodeId });
      for (const other of now) if (!old.has(other)) changes.add(this.digest, node.nodeId, { nodeId: other.nodeId });
    }
  }
}
