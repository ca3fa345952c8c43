// The bytes of one blob that this host can give right now: a blob that is still arriving, or a whole one. Clients and
// peers read through the same object, which outlives the change from the one to the other.

import type { Digest } from '../../shared/oci/digest.ts';
import { pieceCount, pieceLength, type PieceTable } from '../../shared/pieces/piece-table.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { BlobReader } from '../content/blob-reader.ts';
import type { PartialBlob } from '../content/blob-store.ts';
import { PieceSet } from './scheduler/piece-set.ts';

/** Size and cut of a blob, and its name. */
export interface BlobCut {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly pieceBytes: number;
}

/** `confirmed`: the coordinator gave the table, or the digest implies it. `provisional`: only peers gave it. */
export type TableTrust = 'confirmed' | 'provisional';

export class SharedBlob {
  readonly cut: BlobCut;
  readonly pieceCount: number;
  /** Verified pieces. */
  readonly has: PieceSet;
  /**
   * False while the table that pieces are checked against is only a peer's word. Nothing of such a blob is given to peers:
   * a piece that fits a wrong table would make us look like a liar to those who have the right one.
   */
  #isConfirmed: boolean;
  #partial: PartialBlob | undefined;
  #whole: BlobReader | undefined;
  #readsOfPartial = 0;
  #onPartialIdle: (() => void) | undefined;

  private constructor(cut: BlobCut, has: PieceSet, trust: TableTrust) {
    this.cut = cut;
    this.#isConfirmed = trust === 'confirmed';
    this.pieceCount = pieceCount(cut);
    this.has = has;
  }

  /** A blob that lies here whole. Takes over `reader`. */
  static whole(cut: BlobCut, reader: BlobReader): SharedBlob {
    const blob = new SharedBlob(cut, PieceSet.full(pieceCount(cut)), 'confirmed');
    blob.#whole = reader;
    return blob;
  }

  /** A blob that is arriving. `partial` stays its owner's. */
  static arriving(digest: Digest, partial: PartialBlob, trust: TableTrust): SharedBlob {
    const { sizeBytes, pieceBytes } = partial.table;
    const has = new PieceSet(partial.verified.length);
    for (let piece = 0; piece < has.length; piece += 1) if (partial.verified.has(piece)) has.add(piece);
    const blob = new SharedBlob({ digest, sizeBytes, pieceBytes }, has, trust);
    blob.#partial = partial;
    return blob;
  }

  get isConfirmed(): boolean {
    return this.#isConfirmed;
  }

  /** The table that peers may rely on; undefined while it is not confirmed, and for blobs that came to us whole. */
  get table(): PieceTable | undefined {
    return this.#isConfirmed ? this.#partial?.table : undefined;
  }

  /** The coordinator has the same table, or the digest of the whole was checked. */
  confirm(): void {
    this.#isConfirmed = true;
  }

  get isWhole(): boolean {
    return this.#whole !== undefined;
  }

  /** Bytes of the verified pieces. */
  get heldBytes(): number {
    const last = this.pieceCount - 1;
    const { count } = this.has;
    return this.has.has(last)
      ? (count - 1) * this.cut.pieceBytes + this.pieceLength(last)
      : count * this.cut.pieceBytes;
  }

  pieceLength(pieceIndex: number): number {
    return pieceLength(this.cut, pieceIndex);
  }

  /** From now on reads go to the whole blob. Resolves when nobody reads the partial one any more. */
  async becomeWhole(reader: BlobReader): Promise<void> {
    this.#whole = reader;
    this.#isConfirmed = true;
    await this.detachPartial();
  }

  /** The partial blob may be closed when this resolves; reads fail afterwards unless the blob became whole. */
  async detachPartial(): Promise<void> {
    this.#partial = undefined;
    if (this.#readsOfPartial === 0) return;
    await new Promise<void>((resolve) => {
      this.#onPartialIdle = resolve;
    });
  }

  /**
   * Reads verified bytes; the caller keeps to pieces in `has`.
   * @throws {AppError} `blob_unavailable` after the download failed.
   */
  async read(target: Uint8Array, position: number, signal: AbortSignal): Promise<number> {
    if (this.#whole !== undefined) return this.#whole.read(target, position, signal);
    const partial = this.#partial;
    if (partial === undefined) throw new AppError('blob_unavailable', 'the download of this blob ended');
    this.#readsOfPartial += 1;
    try {
      return await partial.read(target, position);
    } finally {
      this.#readsOfPartial -= 1;
      if (this.#readsOfPartial === 0) this.#onPartialIdle?.();
    }
  }

  /** Fills `target` from `position` on. @throws {AppError} `blob_unavailable` when the file is shorter than it should be. */
  async readFully(target: Uint8Array, position: number, signal: AbortSignal): Promise<void> {
    let done = 0;
    while (done < target.byteLength) {
      const bytes = await this.read(done === 0 ? target : target.subarray(done), position + done, signal);
      if (bytes === 0) throw new AppError('blob_unavailable', 'a blob here is shorter than its size');
      done += bytes;
    }
  }

  async close(): Promise<void> {
    const whole = this.#whole;
    this.#whole = undefined;
    await whole?.[Symbol.asyncDispose]();
  }
}
