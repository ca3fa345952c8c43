// Pieces of one download on their way into its file. They were found right, and are read from memory until they are written: a client
// that waits for a piece does not wait for the disk too.

import type { FileHandle } from 'node:fs/promises';
import { Bitfield } from '../../shared/pieces/bitfield.ts';
import { pieceCount, type PieceTable } from '../../shared/pieces/piece-table.ts';
import { AppError, invariant } from '../../shared/runtime/errors.ts';
import { spaceError, writeFully } from './flushed-file.ts';
import { Mutex } from './mutex.ts';

/** Owned by one partial blob, which closes the file. */
export class PieceWrites {
  /** Pieces that are in the file. */
  readonly written: Bitfield;
  readonly #file: FileHandle;
  readonly #pieceBytes: number;
  readonly #turn = new Mutex();
  readonly #unwritten = new Map<number, Uint8Array>();
  #failure: unknown;

  constructor(file: FileHandle, table: PieceTable) {
    this.#file = file;
    this.#pieceBytes = table.pieceBytes;
    this.written = new Bitfield(pieceCount(table));
  }

  /**
   * Writes a piece, which is read from `bytes` from now on until it settles. One piece at a time, in the order of their checks: the
   * system lets one writer into a file, and the others spin.
   * @throws what the system says; the piece is not read any more then.
   */
  async write(pieceIndex: number, bytes: Uint8Array): Promise<void> {
    this.#unwritten.set(pieceIndex, bytes);
    try {
      const release = await this.#turn.acquire();
      try {
        await writeFully(this.#file, bytes, pieceIndex * this.#pieceBytes);
      } finally {
        release();
      }
      this.written.add(pieceIndex);
    } catch (error) {
      this.#failure = error;
      throw error;
    } finally {
      this.#unwritten.delete(pieceIndex);
    }
  }

  /**
   * Reads from `position` on, as far as pieces go that lie in the same place: one in memory, or some in the file. @returns bytes read.
   * @throws {AppError} `blob_unavailable` for a piece that could not be written.
   */
  async read(target: Uint8Array, position: number): Promise<number> {
    const first = Math.floor(position / this.#pieceBytes);
    const bytes = this.#unwritten.get(first);
    if (bytes !== undefined) {
      const offset = position - first * this.#pieceBytes;
      const part = bytes.subarray(offset, offset + target.byteLength);
      target.set(part);
      return part.byteLength;
    }
    if (!this.written.has(first)) throw new AppError('blob_unavailable', 'a piece of a blob could not be written');
    const endBytes = this.#endOfWritten(first, position + target.byteLength);
    const { bytesRead } = await this.#file.read(target, 0, Math.min(target.byteLength, endBytes - position), position);
    return bytesRead;
  }

  /** @throws why a piece is not in the file; to be called when all were given to `write`, and that settled. */
  demandAll(): void {
    if (this.written.isComplete) return;
    invariant(this.#failure !== undefined, 'the whole is checked when every piece is there');
    throw spaceError(this.#failure);
  }

  /** Where the file ends to be right, from a piece on that is written; looks no further than `wantedEndBytes`. */
  #endOfWritten(first: number, wantedEndBytes: number): number {
    let end = first + 1;
    while (end * this.#pieceBytes < wantedEndBytes && end < this.written.length && this.written.has(end)) end += 1;
    return end * this.#pieceBytes;
  }
}
