// The two hashes of a blob, each made in one pass over its bytes in order: the digest of the whole, and its piece table.

import { createHash, type Hash } from 'node:crypto';
import type { DigestAlgorithm } from '../../shared/oci/digest.ts';
import { LEAF_BYTES, PieceTableBuilder, type PieceTable } from '../../shared/pieces/piece-table.ts';

/** What to make of the bytes of a blob. */
export type HashPlan = { readonly type: 'whole'; readonly algorithm: DigestAlgorithm } | { readonly type: 'table' };

/** What was made of them. */
export type HashOutcome =
  | { readonly type: 'whole'; readonly hash: Uint8Array }
  | { readonly type: 'table'; readonly table: PieceTable };

/** Takes the bytes of a blob in order. */
export interface BlobHasher {
  /** How many bytes it has taken. */
  readonly positionBytes: number;
  update(bytes: Uint8Array): void;
  /** Ends it. */
  finish(): HashOutcome;
}

/** Makes the hasher that a plan asks for. */
export function createHasher(plan: HashPlan): BlobHasher {
  return plan.type === 'whole' ? new WholeHasher(plan.algorithm) : new TableHasher();
}

/** The hash of the whole. */
export class WholeHasher implements BlobHasher {
  readonly #hash: Hash;
  #positionBytes = 0;

  constructor(algorithm: DigestAlgorithm) {
    this.#hash = createHash(algorithm);
  }

  get positionBytes(): number {
    return this.#positionBytes;
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#positionBytes += bytes.byteLength;
  }

  finish(): Extract<HashOutcome, { type: 'whole' }> {
    return { type: 'whole', hash: this.#hash.digest() };
  }
}

/** The hashes of its leaves, folded into its piece table at the end. */
export class TableHasher implements BlobHasher {
  readonly #table = new PieceTableBuilder();
  #leaf: Hash | undefined;
  #positionBytes = 0;

  get positionBytes(): number {
    return this.#positionBytes;
  }

  update(bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.byteLength;) {
      const room = LEAF_BYTES - (this.#positionBytes % LEAF_BYTES);
      const part = bytes.subarray(offset, offset + room);
      this.#leaf ??= createHash('sha256');
      this.#leaf.update(part);
      this.#positionBytes += part.byteLength;
      offset += part.byteLength;
      if (part.byteLength === room) this.#finishLeaf();
    }
  }

  /** Hashes of whole pieces so far. */
  pieces(cut: { readonly pieceBytes: number; readonly firstPiece: number }): Uint8Array {
    return this.#table.pieces(cut);
  }

  finish(): Extract<HashOutcome, { type: 'table' }> {
    this.#finishLeaf();
    return { type: 'table', table: this.#table.finish(this.#positionBytes) };
  }

  #finishLeaf(): void {
    if (this.#leaf !== undefined) this.#table.addLeaf(this.#leaf.digest());
    this.#leaf = undefined;
  }
}
