// How a blob is cut, and what each cut must hash to.
//
//   leaf        128 KiB of the blob (the last one may be shorter); its hash is SHA-256 of its bytes
//   piece       2^k leaves; its hash is the root of the binary SHA-256 tree over its leaf hashes,
//               paired from the left, an odd one at the end of a level promoted as it is
//   piece size  a power of two from 128 KiB to 4 MiB, about a thousand pieces per blob
//
// A piece of one leaf therefore hashes to the plain SHA-256 of its bytes. The tree lets a receiver
// that does not know the final size (a chunked upload) hash leaves in the one pass that takes the
// bytes and fold them to the right piece size at the end (the same idea as BEP 52). The shape of a tree
// follows from size and position alone, so a leaf can never pass for an inner node.

import { createHash } from 'node:crypto';
import { AppError, invariant } from '../runtime/errors.ts';

/** The smallest piece, and what hashes are taken of: fewer bytes would be more hashes than a table should carry. */
export const LEAF_BYTES = 128 * 1024;
/** The largest piece: more would be memory, and bytes that cannot be passed on before the last of them is there. */
export const MAX_PIECE_BYTES = 4 * 1024 * 1024;
export const HASH_BYTES = 32;
/** A blob larger than this is refused everywhere: 8 TiB keeps every piece number and offset a safe integer. */
export const MAX_BLOB_BYTES = 8 * 1024 ** 4;

/** Pieces of a blob where sizes allow it: fewer spread slowly, more cost messages (found by simulation). */
const TARGET_PIECES = 1000;

/** Size, cut and piece hashes of one blob. */
export interface PieceTable {
  readonly sizeBytes: number;
  readonly pieceBytes: number;
  /** `pieceCount(table)` hashes of 32 bytes each, one after the other. */
  readonly hashes: Uint8Array;
}

/** The piece size of a blob: the power of two nearest `size / 1000`, between 128 KiB and 4 MiB. */
export function pieceBytesFor(sizeBytes: number): number {
  const wanted = Math.max(1, sizeBytes / TARGET_PIECES);
  const power = 2 ** Math.round(Math.log2(wanted));
  return Math.min(MAX_PIECE_BYTES, Math.max(LEAF_BYTES, power));
}

/** How many pieces a blob has; none when it is empty. */
export function pieceCount(cut: { readonly sizeBytes: number; readonly pieceBytes: number }): number {
  return Math.ceil(cut.sizeBytes / cut.pieceBytes);
}

/** The length in bytes of piece `pieceIndex`. */
export function pieceLength(
  cut: { readonly sizeBytes: number; readonly pieceBytes: number },
  pieceIndex: number,
): number {
  return Math.min(cut.pieceBytes, cut.sizeBytes - pieceIndex * cut.pieceBytes);
}

/** The expected hash of piece `pieceIndex`, a view of 32 bytes. */
export function pieceHash(table: PieceTable, pieceIndex: number): Uint8Array {
  return table.hashes.subarray(pieceIndex * HASH_BYTES, (pieceIndex + 1) * HASH_BYTES);
}

/**
 * Checks a table that came from outside.
 * @throws {AppError} `message_invalid` when sizes, cut and number of hashes do not agree.
 */
export function parsePieceTable(raw: PieceTable): PieceTable {
  const { sizeBytes, pieceBytes, hashes } = raw;
  const sizeHolds = Number.isSafeInteger(sizeBytes) && sizeBytes >= 0 && sizeBytes <= MAX_BLOB_BYTES;
  const holds =
    sizeHolds && pieceBytes === pieceBytesFor(sizeBytes) && hashes.byteLength === pieceCount(raw) * HASH_BYTES;
  if (holds) return raw;
  throw new AppError('message_invalid', 'piece table does not fit its blob', {
    detail: { sizeBytes, pieceBytes, hashBytes: hashes.byteLength },
  });
}

/** True when two tables say the same of a blob. */
export function isSameTable(left: PieceTable, right: PieceTable): boolean {
  return (
    left.sizeBytes === right.sizeBytes &&
    left.pieceBytes === right.pieceBytes &&
    Buffer.compare(left.hashes, right.hashes) === 0
  );
}

/** Hash of one whole piece given its bytes. */
export function hashPiece(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength <= LEAF_BYTES) return createHash('sha256').update(bytes).digest();
  const leaves: Uint8Array[] = [];
  for (let offset = 0; offset < bytes.byteLength; offset += LEAF_BYTES) {
    leaves.push(
      createHash('sha256')
        .update(bytes.subarray(offset, offset + LEAF_BYTES))
        .digest(),
    );
  }
  return foldTree(leaves);
}

/**
 * Takes leaf hashes in order and gives the piece table at the end. It holds at most about 2000 hashes at a
 * time while the blob fits 4 MiB pieces: as the blob grows, finished leaves are folded into larger subtrees.
 */
export class PieceTableBuilder {
  #levelBytes = LEAF_BYTES;
  /** Finished subtrees of `#levelBytes` each. */
  #folded: Uint8Array[] = [];
  /** Leaves that do not fill a subtree of `#levelBytes` yet. */
  #open: Uint8Array[] = [];
  #leafCount = 0;

  /** Adds the hash of the next leaf. Every leaf but the last one of a blob covers 128 KiB. */
  addLeaf(hash: Uint8Array): void {
    this.#leafCount += 1;
    this.#open.push(hash);
    if (this.#open.length * LEAF_BYTES === this.#levelBytes) {
      this.#folded.push(foldTree(this.#open));
      this.#open = [];
    }
    this.#growLevel();
  }

  /**
   * The hashes of the whole pieces so far, from `firstPiece` on. @param cut.pieceBytes of the finished blob, which must be at least as large as
   * what was added.
   */
  pieces(cut: { readonly pieceBytes: number; readonly firstPiece: number }): Uint8Array {
    const subtreesPerPiece = cut.pieceBytes / this.#levelBytes;
    const count = Math.max(0, Math.floor(this.#folded.length / subtreesPerPiece) - cut.firstPiece);
    const hashes = new Uint8Array(count * HASH_BYTES);
    for (let at = 0; at < count; at += 1) {
      const from = (cut.firstPiece + at) * subtreesPerPiece;
      hashes.set(foldTree(this.#folded.slice(from, from + subtreesPerPiece)), at * HASH_BYTES);
    }
    return hashes;
  }

  /** The finished table. @param sizeBytes must agree with the number of leaves added. */
  finish(sizeBytes: number): PieceTable {
    invariant(this.#leafCount === Math.ceil(sizeBytes / LEAF_BYTES), 'one leaf hash per 128 KiB');
    const pieceBytes = pieceBytesFor(sizeBytes);
    if (this.#open.length > 0) this.#folded.push(foldTree(this.#open));
    this.#open = [];
    const subtreesPerPiece = pieceBytes / this.#levelBytes;
    const count = pieceCount({ sizeBytes, pieceBytes });
    const hashes = new Uint8Array(count * HASH_BYTES);
    for (let pieceIndex = 0; pieceIndex < count; pieceIndex += 1) {
      const from = pieceIndex * subtreesPerPiece;
      hashes.set(foldTree(this.#folded.slice(from, from + subtreesPerPiece)), pieceIndex * HASH_BYTES);
    }
    return { sizeBytes, pieceBytes, hashes };
  }

  /** A blob of at least this many bytes can only get larger pieces, so smaller subtrees may be folded. */
  #growLevel(): void {
    if (this.#open.length > 0 || this.#folded.length % 2 !== 0) return;
    if (pieceBytesFor(this.#leafCount * LEAF_BYTES) <= this.#levelBytes) return;
    const pairs: Uint8Array[] = [];
    for (let index = 0; index < this.#folded.length; index += 2) {
      pairs.push(foldTree(this.#folded.slice(index, index + 2)));
    }
    this.#folded = pairs;
    this.#levelBytes *= 2;
  }
}

/** Root of a binary SHA-256 tree over `hashes`, paired from the left; an odd one is promoted. */
function foldTree(hashes: readonly Uint8Array[]): Uint8Array {
  let level = hashes;
  while (level.length > 1) {
    const next: Uint8Array[] = [];
    for (let index = 0; index < level.length; index += 2) {
      const left = level[index];
      const right = level[index + 1];
      invariant(left !== undefined, 'a level has a left hash');
      next.push(right === undefined ? left : createHash('sha256').update(left).update(right).digest());
    }
    level = next;
  }
  const [root] = level;
  invariant(root !== undefined, 'a tree has at least one leaf');
  return root;
}
