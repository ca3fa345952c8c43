// Everybody who holds one blob whole, zone by zone.

import type { DirectoryNode } from './directory-node.ts';
import { Ring } from './ring.ts';

export class BlobHolders {
  readonly #zones = new Map<string, Ring<DirectoryNode>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Zones in which somebody holds it, or did. */
  get zones(): Iterable<string> {
    return this.#zones.keys();
  }

  /** The holders in one zone. The same object for as long as this one lives. */
  in(zone: string): Ring<DirectoryNode> {
    let ring = this.#zones.get(zone);
    if (ring === undefined) {
      ring = new Ring<DirectoryNode>(0);
      this.#zones.set(zone, ring);
    }
    return ring;
  }

  has(node: DirectoryNode): boolean {
    return this.#zones.get(node.zone)?.has(node) === true;
  }

  /** @returns false when it is there already. */
  add(node: DirectoryNode): boolean {
    const isNew = this.in(node.zone).add(node);
    if (isNew) this.#size += 1;
    return isNew;
  }

  /** @returns false when it is not there. */
  remove(node: DirectoryNode): boolean {
    const wasThere = this.#zones.get(node.zone)?.remove(node) === true;
    if (wasThere) this.#size -= 1;
    return wasThere;
  }

  *all(): Generator<DirectoryNode> {
    for (const ring of this.#zones.values()) yield* ring.list();
  }
}
