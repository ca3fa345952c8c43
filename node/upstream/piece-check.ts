// Compares what comes of a blob with the pieces of the host that fetches it, as both grow.

import { hashPiece } from '../../shared/pieces/piece-table.ts';
import type { ProvisionalTable } from '../../shared/pieces/provisional-table.ts';
import type { Changes } from '../../shared/runtime/changes.ts';
import type { ArrivingBlob } from '../content/blob-store.ts';

export interface PieceCheckDeps {
  readonly arriving: Pick<ArrivingBlob, 'readableBytes' | 'grown' | 'pieces' | 'read'>;
  readonly table: ProvisionalTable;
  /** Told when the table has grown or bytes were taken back; told by this when more is checked. */
  readonly changes: Changes;
}

export class PieceCheck {
  readonly #deps: PieceCheckDeps;
  #checkedPieces = 0;

  constructor(deps: PieceCheckDeps) {
    this.#deps = deps;
  }

  /** Pieces from the first on that are as they should be. */
  get checkedPieces(): number {
    return this.#checkedPieces;
  }

  get checkedBytes(): number {
    const { sizeBytes, pieceBytes } = this.#deps.table;
    return Math.min(sizeBytes, this.#checkedPieces * pieceBytes);
  }

  get isComplete(): boolean {
    return this.#checkedPieces === this.#deps.table.pieceCount;
  }

  /** True while there is something to compare right now. */
  get isBehind(): boolean {
    const { arriving, table } = this.#deps;
    return table.knownPieces > this.#checkedPieces && arriving.readableBytes >= this.#nextEnd;
  }

  /** Waits until the next piece is there and known, and compares it. @returns false when it is another than it should be. @throws the signal's reason */
  async next(signal: AbortSignal): Promise<boolean> {
    const { changes, table } = this.#deps;
    await this.#pieceThere(signal);
    const { rightPieces, isContradicted } = table.agreement(this.#checkedPieces, await this.#hashes());
    this.#checkedPieces += rightPieces;
    if (rightPieces > 0) changes.tell();
    return !isContradicted;
  }

  async #pieceThere(signal: AbortSignal): Promise<void> {
    const { arriving, changes, table } = this.#deps;
    for (;;) {
      signal.throwIfAborted();
      if (this.isBehind) return;
      if (table.knownPieces <= this.#checkedPieces) await changes.next(signal);
      else await arriving.grown(arriving.readableBytes, signal);
    }
  }

  /** Hashes of what can be compared. A last piece that is short is hashed by itself: the hash of the whole has not ended yet. */
  async #hashes(): Promise<Uint8Array> {
    const { arriving, table } = this.#deps;
    const firstByte = this.checkedBytes;
    if (firstByte + table.pieceBytes <= table.sizeBytes) return arriving.pieces(this.#checkedPieces);
    const bytes = new Uint8Array(this.#nextEnd - firstByte);
    for (let done = 0; done < bytes.byteLength;) {
      const count = await arriving.read(bytes.subarray(done), firstByte + done);
      if (count === 0) return new Uint8Array(0); // taken back meanwhile
      done += count;
    }
    return hashPiece(bytes);
  }

  get #nextEnd(): number {
    const { sizeBytes, pieceBytes } = this.#deps.table;
    return Math.min(sizeBytes, (this.#checkedPieces + 1) * pieceBytes);
  }
}
