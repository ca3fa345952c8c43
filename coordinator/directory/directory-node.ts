// A node as the directory sees it.

import type { Digest } from '../../shared/oci/digest.ts';
import { drawPlaces, type RingPlace } from './ring.ts';

/**
 * `connected`: has a session. `grace`: its session ended a moment ago, so its copies still count as within reach.
 * `lost`: its copies are unavailable, not gone.
 */
export type NodeReach =
  | { readonly type: 'connected' }
  | { readonly type: 'grace'; readonly untilMs: number }
  | { readonly type: 'lost' };

/** What the directory wants to know of a node. */
export interface NodeTraits {
  readonly isOrigin: boolean;
  /** Nodes without a zone are one zone of their own. */
  readonly zone?: string | undefined;
  readonly rack?: string | undefined;
}

export class DirectoryNode implements RingPlace {
  readonly nodeId: string;
  readonly places: readonly number[];
  isOrigin = false;
  /** Empty for nodes without one. */
  zone = '';
  /** Empty for nodes without one. */
  rack = '';
  reach: NodeReach = { type: 'lost' };
  /** Swarms in which it downloads. */
  readonly joinedSwarms = new Set<Digest>();
  /** Swarms in which it is linked to members as a holder. */
  readonly servedSwarms = new Set<Digest>();
  /** Swarms in which it gives pieces to another zone. */
  readonly bridgedSwarms = new Set<Digest>();

  constructor(nodeId: string, options: { readonly seed: number }) {
    this.nodeId = nodeId;
    this.places = drawPlaces(nodeId, options.seed);
  }

  /** May be handed out to others. */
  get isReachable(): boolean {
    return this.reach.type !== 'lost';
  }
}
