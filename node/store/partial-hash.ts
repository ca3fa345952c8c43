// The hash of the whole of a download, which takes pieces in order while they arrive out of order.
//
// A right piece that is next in order is taken from its buffer, in the same operation that checks it. A piece that
// came too early is read back from its file (from memory, as a rule) when its turn comes.

import type { DigestAlgorithm } from '../../shared/oci/digest.ts';
import type { Bitfield } from '../../shared/pieces/bitfield.ts';
import type { PieceTable } from '../../shared/pieces/piece-table.ts';
import { invariant } from '../../shared/runtime/errors.ts';
import type { HashStream, HashWorkers } from './hash-workers.ts';

/** Owned by one partial blob. */
export class PartialHash {
  readonly #hashes: HashWorkers;
  readonly #algorithm: DigestAlgorithm;
  readonly #table: PieceTable;
  readonly #path: string;
  /** Pieces that are in the file. */
  readonly #written: Bitfield;
  #stream: HashStream | undefined;
  #inOrderCount = 0;
  #catchingUp: Promise<void> | undefined;

  constructor(
    deps: { readonly hashes: HashWorkers },
    options: {
      readonly algorithm: DigestAlgorithm;
      readonly table: PieceTable;
      readonly path: string;
      readonly written: Bitfield;
    },
  ) {
    this.#hashes = deps.hashes;
    this.#algorithm = options.algorithm;
    this.#table = options.table;
    this.#path = options.path;
    this.#written = options.written;
  }

  /** Whether the bytes of a piece are right. */
  verify(pieceIndex: number, bytes: Uint8Array): Promise<boolean> {
    return this.#open().verify(this.#table, pieceIndex, bytes);
  }

  /** Whether the bytes that the file has for a piece are right. */
  verifyFile(pieceIndex: number): Promise<boolean> {
    return this.#open().verifyFile(this.#table, pieceIndex, this.#path);
  }

  /** Call when a piece has been written: takes what is next in order. */
  wrote(): void {
    if (this.#catchingUp !== undefined || this.#open().positionBytes >= this.#inOrderBytes()) return;
    this.#catchingUp = this.#catchUp().finally(() => {
      this.#catchingUp = undefined;
    });
  }

  /** The hash of the whole; every piece has been written. */
  async finish(): Promise<Uint8Array> {
    invariant(this.#written.isComplete, 'a blob is hashed to its end when all its pieces are there');
    await this.#catchingUp;
    const stream = this.#open();
    try {
      await stream.absorbFile(this.#path, this.#table.sizeBytes);
      return await stream.finishWhole();
    } finally {
      this.close();
    }
  }

  /** Harmless when called again. */
  close(): void {
    this.#stream?.close();
    this.#stream = undefined;
  }

  #open(): HashStream {
    if (this.#stream?.isLost === true) this.close();
    this.#stream ??= this.#hashes.openStream({ type: 'whole', algorithm: this.#algorithm });
    return this.#stream;
  }

  /** Never rejects: if the thread is gone, the next operation says so, or `finish` reads again. */
  async #catchUp(): Promise<void> {
    const stream = this.#open();
    try {
      for (let end = this.#inOrderBytes(); stream.positionBytes < end; end = this.#inOrderBytes()) {
        if (stream !== this.#stream) return;
        await stream.absorbFile(this.#path, end);
      }
    } catch {
      if (stream === this.#stream) this.close();
    }
  }

  #inOrderBytes(): number {
    this.#inOrderCount = this.#written.firstMissing(this.#inOrderCount);
    return Math.min(this.#inOrderCount * this.#table.pieceBytes, this.#table.sizeBytes);
  }
}
