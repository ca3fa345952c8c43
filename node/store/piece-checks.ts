// Checks pieces of one blob against its table, on one hash thread. While the thread starts, pieces in memory are checked on the main
// thread: a client may wait for the first, and a check takes some milliseconds.

import { hashPiece, pieceHash, pieceLength, type PieceTable } from '../../shared/pieces/piece-table.ts';
import { invariant } from '../../shared/runtime/errors.ts';
import type { HashOperation } from './hash-desk.ts';
import type { HashThread } from './hash-thread.ts';

/** After any rejection they are of no more use: close them, open others. */
export class PieceChecks {
  readonly #thread: HashThread;
  readonly #onClose: () => void;
  #isClosed = false;

  constructor(thread: HashThread, options: { readonly onClose: () => void }) {
    this.#thread = thread;
    this.#onClose = options.onClose;
    thread.streamCount += 1;
  }

  /** True when its thread is gone. */
  get isLost(): boolean {
    return this.#thread.isEnded;
  }

  /** Whether a piece in memory has the hash of the table. */
  verify(table: PieceTable, pieceIndex: number, bytes: Uint8Array): Promise<boolean> {
    invariant(!this.#isClosed, 'closed checks are not used');
    if (this.#thread.isStarting) {
      return Promise.resolve(Buffer.compare(hashPiece(bytes), pieceHash(table, pieceIndex)) === 0);
    }
    return this.#run({ type: 'verify', bytes, hash: hashOf(table, pieceIndex) });
  }

  /** The same for a piece that lies in a file at its position. */
  verifyFile(table: PieceTable, pieceIndex: number, path: string): Promise<boolean> {
    const position = pieceIndex * table.pieceBytes;
    const lengthBytes = pieceLength(table, pieceIndex);
    return this.#run({ type: 'verify_file', path, position, lengthBytes, hash: hashOf(table, pieceIndex) });
  }

  /** Harmless when called again. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#thread.streamCount -= 1;
    this.#onClose();
  }

  async #run(operation: HashOperation): Promise<boolean> {
    invariant(!this.#isClosed, 'closed checks are not used');
    const result = await this.#thread.run(operation);
    invariant(result.type === 'verified', 'a check is answered by its outcome');
    return result.isRight;
  }
}

/** A copy: a view would take the whole table along to the thread. */
function hashOf(table: PieceTable, pieceIndex: number): Uint8Array {
  return pieceHash(table, pieceIndex).slice();
}
