// What members of swarms must be told, gathered over one step: a link that goes and comes back in it is not worth a word.

import type { Digest } from '../../shared/oci/digest.ts';
import type { PieceShare } from '../../shared/pieces/piece-share.ts';

/** A node that a member may ask for pieces; of one in another zone only those of its share. */
export interface NamedNeighbour {
  readonly nodeId: string;
  readonly share?: PieceShare | undefined;
}

/** Neighbours that `nodeId` gained and lost in the swarm of `digest`. One that it has already may come with another share. */
export interface NeighbourChange {
  readonly nodeId: string;
  readonly digest: Digest;
  readonly added: readonly NamedNeighbour[];
  readonly removed: readonly string[];
}

interface Added {
  readonly share: PieceShare | undefined;
  /** It was known before this step. */
  readonly isKnown: boolean;
}

interface Delta {
  readonly nodeId: string;
  readonly digest: Digest;
  readonly added: Map<string, Added>;
  /** With the share that was known of each. */
  readonly removed: Map<string, PieceShare | undefined>;
}

export class NeighbourChanges {
  readonly #deltas = new Map<string, Delta>();

  add(digest: Digest, nodeId: string, { nodeId: neighbour, share }: NamedNeighbour): void {
    const { added, removed } = this.#delta(digest, nodeId);
    const old = removed.get(neighbour);
    const isKnown = removed.delete(neighbour);
    if (!isKnown || share !== undefined || old !== undefined) added.set(neighbour, { share, isKnown });
  }

  /** A neighbour that is known may be asked for other pieces now. */
  update(digest: Digest, nodeId: string, { nodeId: neighbour, share }: NamedNeighbour): void {
    const { added } = this.#delta(digest, nodeId);
    added.set(neighbour, { share, isKnown: added.get(neighbour)?.isKnown ?? true });
  }

  remove(digest: Digest, nodeId: string, { nodeId: neighbour, share }: NamedNeighbour): void {
    const { added, removed } = this.#delta(digest, nodeId);
    const came = added.get(neighbour);
    added.delete(neighbour);
    if (came?.isKnown !== false) removed.set(neighbour, share);
  }

  /** Forgets what `nodeId` would be told of `digest`: it learns its neighbours otherwise, or left. */
  drop(digest: Digest, nodeId: string): void {
    this.#deltas.delete(`${nodeId} ${digest}`);
  }

  list(): NeighbourChange[] {
    const changes: NeighbourChange[] = [];
    for (const { nodeId, digest, added, removed } of this.#deltas.values()) {
      if (added.size === 0 && removed.size === 0) continue;
      const named = [...added].map(([neighbour, { share }]) => ({
        nodeId: neighbour,
        ...(share === undefined ? {} : { share }),
      }));
      changes.push({ nodeId, digest, added: named, removed: [...removed.keys()] });
    }
    return changes;
  }

  #delta(digest: Digest, nodeId: string): Delta {
    const key = `${nodeId} ${digest}`;
    let delta = this.#deltas.get(key);
    if (delta === undefined) {
      delta = { nodeId, digest, added: new Map(), removed: new Map() };
      this.#deltas.set(key, delta);
    }
    return delta;
  }
}
