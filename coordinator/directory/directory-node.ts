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
  /** Its link is much slower than those of the others, as its operator said. */
  readonly hasSlowLink?: boolean | undefined;
}

export class DirectoryNode implements RingPlace {
  readonly nodeId: string;
  readonly places: readonly number[];
  isOrigin = false;
  /** Empty for nodes without one. */
  zone = '';
  /** Empty for nodes without one. */
  rack = '';
  /** As its operator said. */
  hasSlowLink = false;
  /** It said in a pull that it falls behind its neighbours: believed until this time. */
  slowUntilMs = 0;
  reach: NodeReach = { type: 'lost' };
  /** Swarms in which it downloads. */
  readonly joinedSwarms = new Set<Digest>();
  /** Of these, the ones whose blob it has by now: its copy is not on record yet. */
  readonly finishedSwarms = new Set<Digest>();
  /** Swarms in which it is linked to members as a holder. */
  readonly servedSwarms = new Set<Digest>();
  /** Swarms in which it gives pieces to another zone. */
  readonly bridgedSwarms = new Set<Digest>();

  constructor(nodeId: string, options: { readonly seed: number }) {
    this.nodeId = nodeId;
    this.places = drawPlaces(nodeId, options.seed);
  }

  /** What it cannot get fast it cannot pass on fast: others are not to wait for it. Origins keep their places. */
  get isSlow(): boolean {
    return !this.isOrigin && (this.hasSlowLink || this.slowUntilMs > 0);
  }

  /** May be handed out to others. */
  get isReachable(): boolean {
    return this.reach.type !== 'lost';
  }
}
