// The hashes of a download: each piece is checked in one thread, and the whole, which takes pieces in order while they
// arrive out of order, is hashed in another.
//
//   piece ─▶ thread A: right? ─▶ written ─▶ offered, read
//                        └─────▶ thread B: the whole
//
// A right piece that is next in order is taken from its buffer. A piece that came too early is read back from its file
// (from memory, as a rule) when its turn comes. Nothing but right pieces gets into the hash of the whole.

import type { DigestAlgorithm } from '../../shared/oci/digest.ts';
import type { Bitfield } from '../../shared/pieces/bitfield.ts';
import type { PieceTable } from '../../shared/pieces/piece-table.ts';
import { invariant } from '../../shared/runtime/errors.ts';
import type { HashStream, HashWorkers } from './hash-workers.ts';
import type { PieceChecks } from './piece-checks.ts';

type Opener = Pick<HashWorkers, 'openStream' | 'openChecks'>;

/** Owned by one partial blob. */
export class PartialHash {
  readonly #hashes: Opener;
  readonly #algorithm: DigestAlgorithm;
  readonly #table: PieceTable;
  readonly #path: string;
  /** Pieces that are in the file. */
  readonly #written: Bitfield;
  #checks: PieceChecks | undefined;
  #stream: HashStream | undefined;
  /** End of what the stream was given from memory. */
  #givenBytes = 0;
  #inOrderCount = 0;
  #catchingUp: Promise<void> | undefined;

  constructor(
    deps: { readonly hashes: Opener },
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
    return this.#openChecks().verify(this.#table, pieceIndex, bytes);
  }

  /** Whether the bytes that the file has for a piece are right. */
  verifyFile(pieceIndex: number): Promise<boolean> {
    return this.#openChecks().verifyFile(this.#table, pieceIndex, this.#path);
  }

  /** Takes a piece that was found right, if it is next in order. The bytes may be reused when it resolves. Never rejects. */
  async absorb(pieceIndex: number, bytes: Uint8Array): Promise<void> {
    const position = pieceIndex * this.#table.pieceBytes;
    const stream = this.#open();
    // What catches up from the file gets there by itself.
    if (this.#catchingUp !== undefined || position !== this.#takenBytes(stream)) return;
    this.#givenBytes = position + bytes.byteLength;
    try {
      await stream.absorb(bytes, position);
    } catch {
      if (stream === this.#stream) this.#closeStream(); // the thread is gone; the next one reads the file
    }
  }

  /** Call when a piece has been written: takes what is next in order. */
  wrote(): void {
    if (this.#catchingUp !== undefined || this.#takenBytes(this.#open()) >= this.#inOrderBytes()) return;
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
    this.#checks?.close();
    this.#checks = undefined;
    this.#closeStream();
  }

  #closeStream(): void {
    this.#stream?.close();
    this.#stream = undefined;
    this.#givenBytes = 0;
  }

  #openChecks(): PieceChecks {
    if (this.#checks?.isLost === true) {
      this.#checks.close();
      this.#checks = undefined;
    }
    this.#checks ??= this.#hashes.openChecks();
    return this.#checks;
  }

  #open(): HashStream {
    if (this.#stream?.isLost === true) this.#closeStream();
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
      if (stream === this.#stream) this.#closeStream(); // as above
    }
  }

  /** Where the next piece goes on: what the stream has, or will have when it did what it was given. */
  #takenBytes(stream: HashStream): number {
    return Math.max(stream.positionBytes, this.#givenBytes);
  }

  #inOrderBytes(): number {
    this.#inOrderCount = this.#written.firstMissing(this.#inOrderCount);
    return Math.min(this.#inOrderCount * this.#table.pieceBytes, this.#table.sizeBytes);
  }
}
