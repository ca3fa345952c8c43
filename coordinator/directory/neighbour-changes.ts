// What members of swarms must be told, gathered over one step: a link that goes and comes back in it is not worth a word.

import type { Digest } from '../../shared/oci/digest.ts';

/** Neighbours that `nodeId` gained and lost in the swarm of `digest`. */
export interface NeighbourChange {
  readonly nodeId: string;
  readonly digest: Digest;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

interface Delta {
  readonly nodeId: string;
  readonly digest: Digest;
  readonly added: Set<string>;
  readonly removed: Set<string>;
}

export class NeighbourChanges {
  readonly #deltas = new Map<string, Delta>();

  add(digest: Digest, nodeId: string, neighbour: string): void {
    const delta = this.#delta(digest, nodeId);
    if (!delta.removed.delete(neighbour)) delta.added.add(neighbour);
  }

  remove(digest: Digest, nodeId: string, neighbour: string): void {
    const delta = this.#delta(digest, nodeId);
    if (!delta.added.delete(neighbour)) delta.removed.add(neighbour);
  }

  /** Forgets what `nodeId` would be told of `digest`: it learns its neighbours otherwise, or left. */
  drop(digest: Digest, nodeId: string): void {
    this.#deltas.delete(`${nodeId} ${digest}`);
  }

  list(): NeighbourChange[] {
    const changes: NeighbourChange[] = [];
    for (const { nodeId, digest, added, removed } of this.#deltas.values()) {
      if (added.size > 0 || removed.size > 0)
        changes.push({ nodeId, digest, added: [...added], removed: [...removed] });
    }
    return changes;
  }

  #delta(digest: Digest, nodeId: string): Delta {
    const key = `${nodeId} ${digest}`;
    let delta = this.#deltas.get(key);
    if (delta === undefined) {
      delta = { nodeId, digest, added: new Set(), removed: new Set() };
      this.#deltas.set(key, delta);
    }
    return delta;
  }
}
