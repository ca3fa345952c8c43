// Events that wait for one node. Changes of the same swarm are merged, so the queue holds the latest word and not the story.

import type { Digest } from '../../shared/oci/digest.ts';
import type { CoordinatorEvent, NamedPeer } from '../../shared/protocol/coordinator-methods.ts';

/**
 * Ids and orders that may wait; beyond, the session is closed. A node that is so far behind gets a fresh picture sooner by a new session than by
 * working through this; it is the length of about a thousand swarms that all changed.
 */
export const MAX_QUEUED_FACTS = 20_000;
/** Ids in one event, so that an event of a large fleet stays a small message. */
const MAX_REMOVED_PER_EVENT = 1000;

interface SwarmNews {
  readonly added: Map<string, NamedPeer>;
  readonly removed: Set<string>;
}

export class EventQueue {
  readonly #swarms = new Map<Digest, SwarmNews>();
  readonly #orders = new Map<Digest, number>();
  readonly #removals = new Set<Digest>();
  readonly #removedNodes = new Set<string>();
  #bootstrap: readonly string[] | undefined;
  #isAccessChanged = false;
  #isAnnouncementWanted = false;
  #factCount = 0;

  get isEmpty(): boolean {
    const hasOrders = this.#orders.size > 0 || this.#removals.size > 0 || this.#isAnnouncementWanted;
    const hasNews = this.#isAccessChanged || this.#bootstrap !== undefined;
    return this.#swarms.size === 0 && !hasOrders && this.#removedNodes.size === 0 && !hasNews;
  }

  /** @returns false when the queue is too long; the session must end then, since nothing may be lost silently. */
  push(event: CoordinatorEvent): boolean {
    switch (event.type) {
      case 'swarm.neighbours':
        this.#mergeNeighbours(event.digest, event.added, event.removed);
        break;
      case 'order.replicate':
        this.#orders.set(event.digest, event.sizeBytes);
        this.#factCount += 1;
        break;
      case 'order.remove':
        this.#removals.add(event.digest);
        this.#factCount += 1;
        break;
      case 'order.announce':
        this.#isAnnouncementWanted = true;
        break;
      case 'hyperswarm.bootstrap':
        this.#bootstrap = event.bootstrap;
        break;
      case 'access.changed':
        this.#isAccessChanged = true;
        break;
      case 'roster.removed':
        for (const nodeId of event.nodeIds) this.#removedNodes.add(nodeId);
        this.#factCount += event.nodeIds.length;
        break;
      default: {
        const never: never = event;
        return never;
      }
    }
    return this.#factCount <= MAX_QUEUED_FACTS;
  }

  /** Takes the next event: who is out first, be it a node or a user, then swarms in the order they changed, then orders. */
  take(): CoordinatorEvent | undefined {
    const urgent = this.#takeRemovedNodes() ?? this.#takeAccessChange();
    const event = urgent ?? this.#takeNeighbours() ?? this.#takeOrder() ?? this.#takeBootstrap();
    if (this.isEmpty) this.#factCount = 0;
    return event;
  }

  /** Forgets what waits about a swarm: the node gets its neighbours as an answer now, or left. */
  dropSwarm(digest: Digest): void {
    this.#swarms.delete(digest);
  }

  #mergeNeighbours(digest: Digest, added: readonly NamedPeer[], removed: readonly string[]): void {
    let news = this.#swarms.get(digest);
    if (news === undefined) {
      news = { added: new Map(), removed: new Set() };
      this.#swarms.set(digest, news);
    }
    for (const nodeId of removed) {
      news.added.delete(nodeId);
      news.removed.add(nodeId);
    }
    for (const peer of added) {
      news.removed.delete(peer.nodeId);
      news.added.set(peer.nodeId, peer);
    }
    this.#factCount += added.length + removed.length;
  }

  #takeRemovedNodes(): CoordinatorEvent | undefined {
    if (this.#removedNodes.size === 0) return undefined;
    const nodeIds = [...this.#removedNodes].slice(0, MAX_REMOVED_PER_EVENT);
    for (const nodeId of nodeIds) this.#removedNodes.delete(nodeId);
    return { type: 'roster.removed', nodeIds };
  }

  #takeAccessChange(): CoordinatorEvent | undefined {
    if (!this.#isAccessChanged) return undefined;
    this.#isAccessChanged = false;
    return { type: 'access.changed' };
  }

  #takeNeighbours(): CoordinatorEvent | undefined {
    for (const [digest, { added, removed }] of this.#swarms) {
      this.#swarms.delete(digest);
      if (added.size === 0 && removed.size === 0) continue;
      return { type: 'swarm.neighbours', digest, added: [...added.values()], removed: [...removed] };
    }
    return undefined;
  }

  #takeBootstrap(): CoordinatorEvent | undefined {
    const bootstrap = this.#bootstrap;
    this.#bootstrap = undefined;
    return bootstrap === undefined ? undefined : { type: 'hyperswarm.bootstrap', bootstrap: [...bootstrap] };
  }

  #takeOrder(): CoordinatorEvent | undefined {
    for (const [digest, sizeBytes] of this.#orders) {
      this.#orders.delete(digest);
      return { type: 'order.replicate', digest, sizeBytes };
    }
    for (const digest of this.#removals) {
      this.#removals.delete(digest);
      return { type: 'order.remove', digest };
    }
    if (!this.#isAnnouncementWanted) return undefined;
    this.#isAnnouncementWanted = false;
    return { type: 'order.announce' };
  }
}
