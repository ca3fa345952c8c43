// The hashes of one blob, made in the one pass over its bytes.

import { createHash, type Hash } from 'node:crypto';
import type { DigestAlgorithm } from '../../shared/oci/digest.ts';
import { LEAF_BYTES, PieceTableBuilder, type PieceTable } from '../../shared/pieces/piece-table.ts';

/** What to make. */
export interface HashPlan {
  /** Of the digest of the whole. */
  readonly algorithm: DigestAlgorithm;
  /** Whether leaves are hashed too, for a piece table. */
  readonly withTable: boolean;
}

export interface BlobHashes {
  /** Hash of the whole under the plan's algorithm. */
  readonly hash: Uint8Array;
  readonly table: PieceTable | undefined;
}

/** Takes the bytes of a blob in order. */
export class BlobHasher {
  readonly #whole: Hash;
  readonly #table: PieceTableBuilder | undefined;
  #leaf: Hash | undefined;
  #positionBytes = 0;

  constructor(plan: HashPlan) {
    this.#whole = createHash(plan.algorithm);
    this.#table = plan.withTable ? new PieceTableBuilder() : undefined;
  }

  /** How many bytes it has taken. */
  get positionBytes(): number {
    return this.#positionBytes;
  }

  update(bytes: Uint8Array): void {
    if (this.#table === undefined) {
      this.#whole.update(bytes);
      this.#positionBytes += bytes.byteLength;
      return;
    }
    // Leaf by leaf, so that the second hash finds the bytes in the processor's cache.
    for (let offset = 0; offset < bytes.byteLength;) {
      const room = LEAF_BYTES - (this.#positionBytes % LEAF_BYTES);
      const part = bytes.subarray(offset, offset + room);
      this.#leaf ??= createHash('sha256');
      this.#leaf.update(part);
      this.#whole.update(part);
      this.#positionBytes += part.byteLength;
      offset += part.byteLength;
      if (part.byteLength === room) this.#finishLeaf(this.#table);
    }
  }

  /** Ends it. */
  finish(): BlobHashes {
    if (this.#table !== undefined) this.#finishLeaf(this.#table);
    return { hash: this.#whole.digest(), table: this.#table?.finish(this.#positionBytes) };
  }

  #finishLeaf(table: PieceTableBuilder): void {
    if (this.#leaf !== undefined) table.addLeaf(this.#leaf.digest());
    this.#leaf = undefined;
  }
}
