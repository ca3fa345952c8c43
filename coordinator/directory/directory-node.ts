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

export class DirectoryNode implements RingPlace {
  readonly nodeId: string;
  readonly places: readonly number[];
  isOrigin: boolean;
  reach: NodeReach = { type: 'lost' };
  /** Swarms in which it downloads. */
  readonly joinedSwarms = new Set<Digest>();
  /** Swarms in which it is linked to members as a holder. */
  readonly servedSwarms = new Set<Digest>();

  constructor(nodeId: string, options: { readonly isOrigin: boolean; readonly seed: number }) {
    this.nodeId = nodeId;
    this.isOrigin = options.isOrigin;
    this.places = drawPlaces(nodeId, options.seed);
  }

  /** May be handed out to others. */
  get isReachable(): boolean {
    return this.reach.type !== 'lost';
  }
}
