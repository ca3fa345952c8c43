// The piece table of a blob that one member of the fleet fetches from outside, as far as it came: it grows by the hashes of the next pieces.
// Nobody vouches for the whole before the digest of the blob was checked.

import { HASH_BYTES, pieceBytesFor, pieceCount } from './piece-table.ts';

/** Hashes that room is made for at first; it doubles with what comes, so that a size that somebody only claims costs nothing. */
const FIRST_ROOM = 64;

export class ProvisionalTable {
  readonly sizeBytes: number;
  readonly pieceBytes: number;
  readonly pieceCount: number;
  #hashes: Uint8Array = new Uint8Array(0);
  #knownPieces = 0;

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
    this.pieceBytes = pieceBytesFor(sizeBytes);
    this.pieceCount = pieceCount(this);
  }

  /** Pieces from the first on whose hashes are known. */
  get knownPieces(): number {
    return this.#knownPieces;
  }

  get isComplete(): boolean {
    return this.#knownPieces === this.pieceCount;
  }

  /** Bytes that the known pieces cover. */
  get knownBytes(): number {
    return Math.min(this.sizeBytes, this.#knownPieces * this.pieceBytes);
  }

  /** What the hashes take in memory. */
  get hashBytes(): number {
    return this.#hashes.byteLength;
  }

  /**
   * Takes the hashes of pieces from `firstPiece` on. Nothing is taken unless all fits.
   * @returns `contradicts` when one is another than before, `gap` when pieces in between are missing, `unfit` for no whole hashes or too many.
   */
  add(firstPiece: number, hashes: Uint8Array): 'added' | 'contradicts' | 'gap' | 'unfit' {
    const count = hashes.byteLength / HASH_BYTES;
    if (!Number.isInteger(count) || firstPiece + count > this.pieceCount) return 'unfit';
    if (firstPiece > this.#knownPieces) return 'gap';
    if (this.agreement(firstPiece, hashes).isContradicted) return 'contradicts';
    const news = hashes.subarray((this.#knownPieces - firstPiece) * HASH_BYTES);
    if (news.byteLength === 0 || firstPiece + count <= this.#knownPieces) return 'added';
    this.#makeRoom(firstPiece + count);
    this.#hashes.set(news, this.#knownPieces * HASH_BYTES);
    this.#knownPieces = firstPiece + count;
    return 'added';
  }

  /**
   * How far hashes of pieces from `firstPiece` on are those that are known.
   * @returns how many pieces agree before the first that does not or is not known yet, and which of the two it was.
   */
  agreement(
    firstPiece: number,
    hashes: Uint8Array,
  ): { readonly rightPieces: number; readonly isContradicted: boolean } {
    const count = Math.min(Math.floor(hashes.byteLength / HASH_BYTES), this.#knownPieces - firstPiece);
    for (let at = 0; at < count; at += 1) {
      const known = this.hashes(firstPiece + at, 1);
      const other = hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES);
      if (Buffer.compare(known, other) !== 0) return { rightPieces: at, isContradicted: true };
    }
    return { rightPieces: Math.max(0, count), isContradicted: false };
  }

  /** The known hashes from a piece on, so many at most: a view. */
  hashes(firstPiece: number, maxPieces: number): Uint8Array {
    const end = Math.min(this.#knownPieces, firstPiece + maxPieces);
    return this.#hashes.subarray(firstPiece * HASH_BYTES, Math.max(firstPiece, end) * HASH_BYTES);
  }

  #makeRoom(pieces: number): void {
    const room = this.#hashes.byteLength / HASH_BYTES;
    if (pieces <= room) return;
    const wanted = Math.min(this.pieceCount, Math.max(pieces, 2 * room, FIRST_ROOM));
    const larger = new Uint8Array(wanted * HASH_BYTES);
    larger.set(this.#hashes);
    this.#hashes = larger;
  }
}
