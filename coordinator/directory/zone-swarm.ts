// The swarm of one blob in one zone: who downloads it there, and whom of the zone each downloader is told of.
//
//   member ── member       up to 13 members: everybody; more: neighbours on four rings (ring.ts), made up to 8 where
//                          places coincide (spare-links.ts)
//   straggler ── member    who is slow stands on no ring and has two members (straggler-links.ts), at most one for three others
//   member ── holder       up to 8 holders per member, 32 members per holder; origins are not linked to stragglers
//
// Rules of swarm-graph policy (found by simulation): about 8 neighbours (6 to 12 are as good), never "first come" since the
// first arrivals would fill each other's places; a holder such as an origin is linked to 32 members at most; whoever
// leaves has its former neighbours joined at once; a freed place at a holder goes to a member that has no holder. Places at
// holders are spread over racks (rack-spread.ts).
//
// Since members are connected among themselves, every member has a path to a holder as soon as one member is linked to one.

import type { Digest } from '../../shared/oci/digest.ts';
import { StragglerLinks } from './straggler-links.ts';
import type { NeighbourChanges } from './neighbour-changes.ts';
import { Ring, RING_COUNT } from './ring.ts';
import { crowdedMember } from './rack-spread.ts';
import { SpareLinks } from './spare-links.ts';
import type { DirectoryNode } from './directory-node.ts';

/** Up to this many members everybody is linked to everybody: 12 neighbours. Rings of so few would coincide too often. */
export const MESH_MEMBERS = 13;
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

/** At most this part of the members are stragglers: those who are slow like most others are not slow. */
const STRAGGLER_SHARE = 0.25;

/** Those of a zone who give to other zones: members, and holders while there are few members, or many of them. */
export interface ZoneGivers {
  has(node: DirectoryNode): boolean;
  /** Origins last. */
  list(): Iterable<DirectoryNode>;
}

export class ZoneSwarm {
  readonly digest: Digest;
  readonly #holders: Ring<DirectoryNode>;
  readonly #rings: readonly Ring<DirectoryNode>[];
  readonly #spares = new SpareLinks<DirectoryNode>();
  readonly #stragglers = new StragglerLinks<DirectoryNode>();
  /** Each member with the holders it is linked to. */
  readonly #members = new Map<DirectoryNode, Set<DirectoryNode>>();
  /** Each holder that is linked with its members. */
  readonly #linked = new Map<DirectoryNode, Set<DirectoryNode>>();
  /** Members without a holder, the longest waiting first. */
  readonly #waiting = new Set<DirectoryNode>();

  /** @param holders everybody in the zone who holds the blob whole, kept by the directory. */
  constructor(digest: Digest, holders: Ring<DirectoryNode>) {
    this.digest = digest;
    this.#holders = holders;
    this.#rings = Array.from({ length: RING_COUNT }, (_, ring) => new Ring<DirectoryNode>(ring));
  }

  get memberCount(): number {
    return this.#members.size;
  }

  /** True while some member has no holder of its own. */
  get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Those who download and are not slow, in the order they came. */
  *fastMembers(): Generator<DirectoryNode> {
    for (const member of this.#members.keys()) if (!this.#stragglers.has(member)) yield member;
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
    return this.#members.has(node) && !this.#stragglers.has(node);
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
    const neighbours = this.#fellows(member);
    for (const holder of this.#members.get(member) ?? []) neighbours.add(holder);
    return neighbours;
  }

  /** Members that are linked to a holder. */
  membersOf(holder: DirectoryNode): Iterable<DirectoryNode> {
    return this.#linked.get(holder) ?? [];
  }

  join(member: DirectoryNode, changes: NeighbourChanges): void {
    if (this.#members.has(member)) return;
    const isStraggler = member.isSlow && this.#stragglers.count + 1 <= (this.#members.size + 1) * STRAGGLER_SHARE;
    this.#reshape(changes, member, () => {
      this.#members.set(member, new Set());
      if (isStraggler) this.#stragglers.add(member);
      else for (const ring of this.#rings) ring.add(member);
    });
    this.holderWent(member, changes); // it would not ask if it could serve
    this.#waiting.add(member);
    const holders = this.#chooseHolders(member, HOLDERS_PER_MEMBER);
    for (const holder of holders) this.#link(holder, member, changes);
    if (holders.length === 0) this.#takePlace(member, changes);
  }

  /** A member turned out to be slow: its neighbours are joined as if it had left, and its places at origins go to others. */
  slowedDown(member: DirectoryNode, changes: NeighbourChanges): void {
    const isStragglerToBe =
      this.hasFastMember(member) && this.#stragglers.count + 1 <= this.#members.size * STRAGGLER_SHARE;
    if (!isStragglerToBe) return;
    this.#reshape(changes, member, () => {
      for (const ring of this.#rings) ring.remove(member);
      this.#stragglers.remove(member);
      this.#stragglers.add(member);
    });
    for (const holder of this.#members.get(member) ?? []) {
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
    const fellows = this.#fellows(member);
    this.#depart(member, changes);
    for (const fellow of fellows) {
      const holderCount = this.#members.get(fellow)?.size ?? HOLDERS_PER_MEMBER;
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
      const holders = this.#members.get(member);
      holders?.delete(holder);
      if (!this.#fellows(member).has(holder)) changes.remove(this.digest, member.nodeId, { nodeId: holder.nodeId });
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
    if (this.#stragglers.has(member)) return;
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
    return !holder.isOrigin || !this.#stragglers.has(member);
  }

  /** Takes a place at a holder from a member. */
  #unlink(holder: DirectoryNode, member: DirectoryNode, changes: NeighbourChanges): void {
    const members = this.#linked.get(holder);
    members?.delete(member);
    if (members?.size === 0) {
      this.#linked.delete(holder);
      holder.servedSwarms.delete(this.digest);
    }
    const left = this.#members.get(member);
    left?.delete(holder);
    if (left?.size === 0) this.#waiting.add(member);
    if (!this.#fellows(member).has(holder)) changes.remove(this.digest, member.nodeId, { nodeId: holder.nodeId });
  }

  #link(holder: DirectoryNode, member: DirectoryNode, changes: NeighbourChanges): void {
    const isKnown = this.#fellows(member).has(holder);
    let members = this.#linked.get(holder);
    if (members === undefined) {
      members = new Set();
      this.#linked.set(holder, members);
    }
    members.add(member);
    this.#members.get(member)?.add(holder);
    this.#waiting.delete(member);
    holder.servedSwarms.add(this.digest);
    if (!isKnown) changes.add(this.digest, member.nodeId, { nodeId: holder.nodeId });
  }

  #depart(member: DirectoryNode, changes: NeighbourChanges): void {
    const holders = this.#members.get(member);
    if (holders === undefined) return;
    this.#reshape(changes, member, () => {
      this.#members.delete(member);
      this.#stragglers.remove(member);
      for (const ring of this.#rings) ring.remove(member);
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
    while (this.#stragglers.count > this.#members.size * STRAGGLER_SHARE) this.#promoteStraggler(changes);
  }

  /** So many of the others are done that a straggler is slow no more in comparison. */
  #promoteStraggler(changes: NeighbourChanges): void {
    const straggler = this.#stragglers.first;
    if (straggler === undefined) return;
    this.#reshape(changes, straggler, () => {
      this.#stragglers.remove(straggler);
      for (const ring of this.#rings) ring.add(straggler);
    });
    if (this.#members.get(straggler)?.size === 0) {
      for (const holder of this.#chooseHolders(straggler, 1)) this.#link(holder, straggler, changes);
    }
  }

  /** The other members that a member is linked to. */
  #fellows(member: DirectoryNode): Set<DirectoryNode> {
    const fellows = new Set<DirectoryNode>();
    if (!this.#members.has(member)) return fellows;
    if (this.#isMesh) {
      for (const other of this.#members.keys()) fellows.add(other);
      fellows.delete(member);
      return fellows;
    }
    for (const other of this.#stragglers.of(member)) fellows.add(other);
    if (this.#stragglers.has(member)) return fellows;
    for (const other of this.#onRings(member)) fellows.add(other);
    for (const other of this.#spares.of(member)) fellows.add(other);
    return fellows;
  }

  get #isMesh(): boolean {
    return this.#members.size <= MESH_MEMBERS;
  }

  #onRings(member: DirectoryNode): Set<DirectoryNode> {
    const beside = new Set<DirectoryNode>();
    for (const ring of this.#rings) for (const other of ring.around(member)) beside.add(other);
    beside.delete(member);
    return beside;
  }

  #balance(touched: Iterable<DirectoryNode>, willChange: (member: DirectoryNode) => void): void {
    const candidates = (straggler: DirectoryNode): Iterable<DirectoryNode> => this.#rings[0]?.from(straggler) ?? [];
    this.#stragglers.balance({ candidates, willChange });
    if (this.#isMesh) {
      this.#spares.clear();
      return;
    }
    const members: DirectoryNode[] = [];
    for (const node of touched) {
      if (this.hasFastMember(node)) members.push(node);
      else this.#spares.remove(node);
    }
    this.#spares.balance(members, { around: (member) => this.#onRings(member), willChange });
  }

  /** Puts `member` in or takes it out, and notes for everybody around it what that changes. */
  #reshape(changes: NeighbourChanges, member: DirectoryNode, change: () => void): void {
    const touched = this.#members.size <= MESH_MEMBERS + 1 ? new Set(this.#members.keys()) : this.#onRings(member);
    touched.add(member);
    const before = new Map<DirectoryNode, Set<DirectoryNode>>();
    const remember = (node: DirectoryNode): void => {
      if (!before.has(node)) before.set(node, this.neighboursOf(node));
    };
    for (const node of touched) {
      remember(node);
      for (const other of this.#spares.of(node)) remember(other);
      for (const other of this.#stragglers.of(node)) remember(other);
    }

    change();
    this.#balance(touched, remember);

    for (const [node, old] of before) {
      const now = this.neighboursOf(node);
      for (const other of old) if (!now.has(other)) changes.remove(this.digest, node.nodeId, { nodeId: other.nodeId });
      for (const other of now) if (!old.has(other)) changes.add(this.digest, node.nodeId, { nodeId: other.nodeId });
    }
  }
}
