// A node's word on everything it holds, in parts: begin, continue…, end; or whole in one.

import type { Digest } from '../../shared/oci/digest.ts';
import type { Params } from '../../shared/protocol/coordinator-methods.ts';
import { AppError } from '../../shared/runtime/errors.ts';

/** Blobs in the inventory of one node, more are refused: two million layers of 5 MB are 10 TB; they take 100 bytes each here meanwhile. */
const MAX_HOLDINGS = 2_000_000;

export class HoldingsSnapshot {
  #held: Set<Digest> | undefined;

  /** True between the first part and the last. */
  get isOpen(): boolean {
    return this.#held !== undefined;
  }

  /**
   * Takes one announce, a part or a delta; a delta amid the parts counts as said in them.
   * @returns everything the node holds when this was the last part.
   * @throws {AppError} `message_invalid` for parts out of order or too many blobs.
   */
  take({ snapshot, added, removed }: Params<'holdings.announce'>): ReadonlySet<Digest> | undefined {
    if (snapshot === 'begin' || snapshot === 'whole') this.#held = new Set();
    else if (snapshot !== undefined && this.#held === undefined) {
      throw new AppError('message_invalid', 'a snapshot must begin before it goes on', { detail: { snapshot } });
    }
    for (const { digest } of added) this.note(digest);
    for (const digest of removed) this.#held?.delete(digest);
    if (snapshot !== 'end' && snapshot !== 'whole') return undefined;
    const held = this.#held;
    this.#held = undefined;
    return held;
  }

  /** A blob that the node came to hold while it was still saying what it holds. */
  note(digest: Digest): void {
    if (this.#held === undefined) return;
    if (this.#held.size >= MAX_HOLDINGS) {
      throw new AppError('message_invalid', 'a node holds too many blobs', { detail: { limit: MAX_HOLDINGS } });
    }
    this.#held.add(digest);
  }
}
