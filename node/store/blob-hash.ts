// Both hashes of one blob while its bytes arrive: the digest of the whole on one thread, the piece table on another.
//
//   bytes ──┬──▶ thread A: whole  ─▶ digest
//           └──▶ thread B: leaves ─▶ table        the bytes are free when both are done with them
//
// With one hash thread alone both take their turns there.

import type { DigestAlgorithm } from '../../shared/oci/digest.ts';
import type { PieceTable } from '../../shared/pieces/piece-table.ts';
import type { HashStream, HashWorkers } from './hash-workers.ts';

/** After any rejection it is of no more use: close it, open another. The one who opens it closes it. */
export class BlobHash {
  readonly #whole: HashStream;
  readonly #table: HashStream;

  constructor(
    deps: { readonly hashes: Pick<HashWorkers, 'openStream'> },
    options: { readonly algorithm: DigestAlgorithm },
  ) {
    this.#whole = deps.hashes.openStream({ type: 'whole', algorithm: options.algorithm });
    this.#table = deps.hashes.openStream({ type: 'table' });
  }

  /** True when a thread is gone and its state with it. */
  get isLost(): boolean {
    return this.#whole.isLost || this.#table.isLost;
  }

  /** Takes bytes that must be next in order. They may be reused when it settles. */
  absorb(bytes: Uint8Array, position: number): Promise<void> {
    return both(this.#whole.absorb(bytes, position), this.#table.absorb(bytes, position));
  }

  /** Takes bytes of a file, from where it is to `end`. */
  absorbFile(path: string, end: number): Promise<void> {
    return both(this.#whole.absorbFile(path, end), this.#table.absorbFile(path, end));
  }

  /** Hashes of the whole pieces of what was taken, from `firstPiece` on. */
  pieces(cut: { readonly pieceBytes: number; readonly firstPiece: number }): Promise<Uint8Array> {
    return this.#table.pieces(cut);
  }

  /** The hash of the whole; no more bytes are taken. */
  finishWhole(): Promise<Uint8Array> {
    return this.#whole.finishWhole();
  }

  /** The piece table; no more bytes are taken. */
  finishTable(): Promise<PieceTable> {
    return this.#table.finishTable();
  }

  /** Harmless when called again. */
  close(): void {
    this.#whole.close();
    this.#table.close();
  }
}

/** Settles when both did, so that nobody reads the bytes any more. @throws what the first of them threw. */
async function both(first: Promise<void>, second: Promise<void>): Promise<void> {
  for (const settled of await Promise.allSettled([first, second])) {
    if (settled.status === 'rejected') throw settled.reason;
  }
}
