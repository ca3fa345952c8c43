// Who holds what, and who is told of whom. Pure: it takes events and gives back what nodes must be told; it knows
// no clock, no socket and no file, so the simulator runs it as it is. An event costs time in the logarithm of the number
// of holders; only a node that comes back after its grace looks through the swarms that run.

import type { Digest } from '../../shared/oci/digest.ts';
import { BlobHolders } from './blob-holders.ts';
import { DirectoryNode, type NodeTraits } from './directory-node.ts';
import { NeighbourChanges, type NamedNeighbour, type NeighbourChange } from './neighbour-changes.ts';
import { Swarm } from './swarm.ts';

export interface DirectoryOptions {
  /** Draws the graph. The same seed and the same events give the same answers. */
  readonly seed: number;
  /** How long a node without a session still counts as within reach. */
  readonly graceMs: number;
}

/** Blobs that one node may be downloading as far as we know; one more is refused. Far above any real use. */
const MAX_SWARMS_PER_NODE = 10_000;
/**
 * A node that fell behind is held for slow for so long. It is seen anew in the first tenth of a pull; and what made it slow, such as
 * a backup, may be over.
 */
const SLOW_FOR_MS = 3_600_000;

export class Directory {
  readonly #options: DirectoryOptions;
  readonly #nodes = new Map<string, DirectoryNode>();
  readonly #origins = new Set<DirectoryNode>();
  readonly #holders = new Map<Digest, BlobHolders>();
  /** Only swarms with members. */
  readonly #swarms = new Map<Digest, Swarm>();
  readonly #inGrace = new Set<DirectoryNode>();
  /** Those that said that they fall behind. */
  readonly #foundSlow = new Set<DirectoryNode>();

  constructor(options: DirectoryOptions) {
    this.#options = options;
  }

  /** Adds a node of the roster, out of reach until it connects; or changes what it is. */
  setNode(nodeId: string, traits: NodeTraits): NeighbourChange[] {
    let node = this.#nodes.get(nodeId);
    if (node === undefined) {
      node = new DirectoryNode(nodeId, { seed: this.#options.seed });
      this.#nodes.set(nodeId, node);
    }
    const changes = new NeighbourChanges();
    const { isOrigin, zone = '', rack = '', hasSlowLink = false } = traits;
    if (node.zone !== zone) this.#moveTo(zone, node, changes);
    node.rack = rack;
    node.hasSlowLink = hasSlowLink;
    node.isOrigin = isOrigin;
    if (isOrigin) this.#origins.add(node);
    else this.#origins.delete(node);
    return changes.list();
  }

  /** A node has a session. Members that wait for what it holds are told of it, and those that knew it are reminded. */
  connect(nodeId: string): NeighbourChange[] {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return [];
    const changes = new NeighbourChanges();
    const wasLost = !node.isReachable;
    node.reach = { type: 'connected' };
    this.#inGrace.delete(node);
    for (const digest of linkedSwarms(node)) this.#swarms.get(digest)?.remind(node, changes);
    if (wasLost) {
      for (const swarm of this.#swarms.values()) if (swarm.isWaiting) swarm.holderCame(node, changes);
    }
    return changes.list();
  }

  /** A session ended: its downloads leave their swarms at once, its copies stay within reach for the grace time. */
  disconnect(nodeId: string, nowMs: number): NeighbourChange[] {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return [];
    const changes = new NeighbourChanges();
    node.reach = { type: 'grace', untilMs: nowMs + this.#options.graceMs };
    this.#inGrace.add(node);
    this.#leaveAll(node, changes);
    return changes.list();
  }

  /** Ends the grace of nodes that did not come back in time, and forgets who fell behind long ago. */
  expire(nowMs: number): NeighbourChange[] {
    const changes = new NeighbourChanges();
    for (const node of this.#foundSlow) {
      if (node.slowUntilMs > nowMs) continue;
      node.slowUntilMs = 0;
      this.#foundSlow.delete(node);
    }
    for (const node of this.#inGrace) {
      if (node.reach.type !== 'grace' || node.reach.untilMs > nowMs) continue;
      node.reach = { type: 'lost' };
      this.#inGrace.delete(node);
      for (const digest of linkedSwarms(node)) this.#swarms.get(digest)?.holderWent(node, changes);
    }
    return changes.list();
  }

  /** A node says that it gets much less than its neighbours. In swarms that it is in, and comes to later, it becomes a straggler. */
  fallBehind(nodeId: string, nowMs: number): NeighbourChange[] {
    const node = this.#nodes.get(nodeId);
    if (node === undefined || node.reach.type !== 'connected' || node.isOrigin) return [];
    const changes = new NeighbourChanges();
    node.slowUntilMs = nowMs + SLOW_FOR_MS;
    this.#foundSlow.add(node);
    for (const digest of node.joinedSwarms) this.#swarms.get(digest)?.slowedDown(node, changes);
    return changes.list();
  }

  /** A node left the fleet for good. @param held what it held, by the durable record. */
  removeNode(nodeId: string, held: Iterable<Digest>): NeighbourChange[] {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return [];
    const changes = new NeighbourChanges();
    node.reach = { type: 'lost' };
    for (const digest of held) this.#dropHolder(node, digest);
    for (const digest of linkedSwarms(node)) this.#swarms.get(digest)?.holderWent(node, changes);
    this.#leaveAll(node, changes);
    this.#inGrace.delete(node);
    this.#foundSlow.delete(node);
    this.#origins.delete(node);
    this.#nodes.delete(nodeId);
    return changes.list();
  }

  /** A node holds a blob whole. */
  addHolding(nodeId: string, digest: Digest): NeighbourChange[] {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return [];
    let holders = this.#holders.get(digest);
    if (holders === undefined) {
      holders = new BlobHolders();
      this.#holders.set(digest, holders);
    }
    const isNew = holders.add(node);
    const swarm = this.#swarms.get(digest);
    if (swarm === undefined) return [];
    const changes = new NeighbourChanges();
    if (swarm.hasMember(node)) {
      swarm.complete(node, changes);
      this.#forgetMember(node, swarm);
    } else if (isNew) swarm.holderCame(node, changes);
    return changes.list();
  }

  /** A node holds a blob no longer. */
  removeHolding(nodeId: string, digest: Digest): NeighbourChange[] {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return [];
    if (node.finishedSwarms.has(digest)) return this.leave(nodeId, digest);
    if (!this.#dropHolder(node, digest)) return [];
    const changes = new NeighbourChanges();
    this.#swarms.get(digest)?.holderWent(node, changes);
    return changes.list();
  }

  /**
   * A node starts to download a blob, or asks again. Its own neighbours are the answer; the changes are for the others.
   * @returns undefined when it is in too many swarms.
   */
  join(
    nodeId: string,
    digest: Digest,
  ): { readonly neighbours: readonly NamedNeighbour[]; readonly changes: readonly NeighbourChange[] } | undefined {
    const node = this.#nodes.get(nodeId);
    if (node === undefined || node.joinedSwarms.size >= MAX_SWARMS_PER_NODE) return undefined;
    const swarm = this.#swarms.get(digest) ?? this.#startSwarm(digest);
    const changes = new NeighbourChanges();
    swarm.join(node, changes);
    node.joinedSwarms.add(digest);
    node.finishedSwarms.delete(digest);
    changes.drop(digest, nodeId);
    const neighbours = [...swarm.neighboursOf(node)].map(([neighbour, share]) => ({
      nodeId: neighbour.nodeId,
      ...(share === undefined ? {} : { share }),
    }));
    return { neighbours, changes: changes.list() };
  }

  /**
   * A member has the blob whole, and `addHolding` follows when that is on record. Till then it stays what it was to the others: they
   * would look for another to bring what it has, out of another zone too.
   */
  finish(nodeId: string, digest: Digest): void {
    const node = this.#nodes.get(nodeId);
    if (node?.joinedSwarms.has(digest) === true) node.finishedSwarms.add(digest);
  }

  /** A node stops downloading a blob. */
  leave(nodeId: string, digest: Digest): NeighbourChange[] {
    const node = this.#nodes.get(nodeId);
    const swarm = this.#swarms.get(digest);
    if (node === undefined || swarm === undefined || !swarm.hasMember(node)) return [];
    const changes = new NeighbourChanges();
    swarm.leave(node, changes);
    this.#forgetMember(node, swarm);
    return changes.list();
  }

  /**
   * A gateway says that some classes of pieces come into its zone much later than the others. When enough of them say so, other
   * links get these classes.
   */
  complain(
    nodeId: string,
    digest: Digest,
    complaint: { readonly classes: readonly number[]; readonly nowMs: number },
  ): NeighbourChange[] {
    const node = this.#nodes.get(nodeId);
    const swarm = this.#swarms.get(digest);
    if (node === undefined || swarm?.hasMember(node) !== true) return [];
    const changes = new NeighbourChanges();
    swarm.complain(node, complaint, changes);
    return changes.list();
  }

  /** True when a node is recorded as holding a blob whole. */
  holds(nodeId: string, digest: Digest): boolean {
    const node = this.#nodes.get(nodeId);
    return node !== undefined && this.#holders.get(digest)?.has(node) === true;
  }

  /** Everybody of the roster who is recorded as holding a blob whole. */
  holders(digest: Digest): ReadonlyArray<{ readonly nodeId: string; readonly isOrigin: boolean }> {
    return [...(this.#holders.get(digest)?.all() ?? [])];
  }

  /** True when somebody of the roster, within reach or not, is recorded as holding a blob whole. */
  isHeld(digest: Digest): boolean {
    return (this.#holders.get(digest)?.size ?? 0) > 0;
  }

  /**
   * How many origins that are within reach hold a blob. One that is gone for longer than the grace time may never come
   * back: its copy is not forgotten, but a push is not acknowledged on its word.
   */
  originCopies(digest: Digest): number {
    const holders = this.#holders.get(digest);
    if (holders === undefined) return 0;
    let count = 0;
    for (const origin of this.#origins) if (origin.isReachable && holders.has(origin)) count += 1;
    return count;
  }

  /** True when somebody other than `exceptNodeId` who is within reach holds the blob. */
  isAvailable(digest: Digest, exceptNodeId: string): boolean {
    const except = this.#nodes.get(exceptNodeId);
    const holders = this.#holders.get(digest);
    if (holders === undefined || except === undefined) return false;
    for (const holder of holders.all()) if (holder !== except && holder.isReachable) return true;
    return false;
  }

  /** Ids of origins: all of the roster, and those with a session. */
  origins(): { readonly all: readonly string[]; readonly connected: readonly string[] } {
    const all = [...this.#origins];
    const connected = all.filter(({ reach }) => reach.type === 'connected');
    return { all: all.map(({ nodeId }) => nodeId), connected: connected.map(({ nodeId }) => nodeId) };
  }

  /** Numbers for metrics. */
  counts(): { readonly nodes: number; readonly swarms: number; readonly blobs: number } {
    return { nodes: this.#nodes.size, swarms: this.#swarms.size, blobs: this.#holders.size };
  }

  #startSwarm(digest: Digest): Swarm {
    let holders = this.#holders.get(digest);
    if (holders === undefined) {
      holders = new BlobHolders();
      this.#holders.set(digest, holders);
    }
    const swarm = new Swarm(digest, holders);
    this.#swarms.set(digest, swarm);
    return swarm;
  }

  /** A node stands in another zone than before: there its copies count from now on, and nobody there knows it yet. */
  #moveTo(zone: string, node: DirectoryNode, changes: NeighbourChanges): void {
    this.#leaveAll(node, changes);
    const held = [...this.#holders].filter(([, holders]) => holders.remove(node)).map(([digest]) => digest);
    for (const digest of linkedSwarms(node)) this.#swarms.get(digest)?.holderWent(node, changes);
    node.zone = zone;
    for (const digest of held) {
      this.#holders.get(digest)?.add(node);
      this.#swarms.get(digest)?.holderCame(node, changes);
    }
  }

  #dropHolder(node: DirectoryNode, digest: Digest): boolean {
    const holders = this.#holders.get(digest);
    if (holders === undefined || !holders.remove(node)) return false;
    this.#forgetEmpty(digest);
    return true;
  }

  #forgetMember(node: DirectoryNode, swarm: Swarm): void {
    node.joinedSwarms.delete(swarm.digest);
    node.finishedSwarms.delete(swarm.digest);
    if (swarm.memberCount > 0) return;
    swarm.close();
    this.#swarms.delete(swarm.digest);
    this.#forgetEmpty(swarm.digest);
  }

  #forgetEmpty(digest: Digest): void {
    if (this.#holders.get(digest)?.size === 0 && !this.#swarms.has(digest)) this.#holders.delete(digest);
  }

  #leaveAll(node: DirectoryNode, changes: NeighbourChanges): void {
    for (const digest of [...node.joinedSwarms]) {
      const swarm = this.#swarms.get(digest);
      if (swarm === undefined) continue;
      swarm.leave(node, changes);
      this.#forgetMember(node, swarm);
    }
  }
}

/** Swarms in which others were told of a node because of what it holds. */
function linkedSwarms(node: DirectoryNode): ReadonlySet<Digest> {
  return new Set([...node.servedSwarms, ...node.bridgedSwarms]);
}
