// The bytes of one piece from one neighbour, on their way into a buffer of the store.

import { copyBytes } from '../../shared/runtime/copy-bytes.ts';
import { invalid } from '../../shared/protocol/peer-frame-body.ts';
import type { PieceBuffer } from '../content/blob-store.ts';
import { ArrivalForecast } from './scheduler/arrival-forecast.ts';
import { EarlyBytes, type EarlyBlocks } from './early-bytes.ts';

export interface AssemblyDeps {
  readonly pieceIndex: number;
  readonly pieceBytes: number;
  readonly blocks: EarlyBlocks;
  readonly acquire: (signal: AbortSignal) => Promise<PieceBuffer>;
  /** These many bytes were taken up, so that the neighbour may send as many more. */
  readonly consumed: (bytes: number) => void;
  /** The piece is whole in its buffer, which now belongs to the callee. */
  readonly filled: (buffer: PieceBuffer) => void;
  readonly failed: (error: unknown) => void;
}

export class PieceAssembly {
  /** Told of what comes by whoever calls `add`. */
  readonly forecast: ArrivalForecast;
  /** The neighbours were told once that it will be here. */
  wasForetold = false;
  readonly #deps: AssemblyDeps;
  readonly #stop = new AbortController();
  #buffer: PieceBuffer | undefined;
  /** What came before there was a buffer; no more than the neighbour's credit, which is held back meanwhile. */
  readonly #early: EarlyBytes;
  #receivedBytes = 0;
  #copiedBytes = 0;

  constructor(deps: AssemblyDeps) {
    this.#deps = deps;
    this.forecast = new ArrivalForecast(deps.pieceBytes);
    this.#early = new EarlyBytes(deps.blocks);
    deps.acquire(this.#stop.signal).then(
      (buffer) => this.#take(buffer),
      (error: unknown) => {
        if (!this.#stop.signal.aborted) deps.failed(error);
      },
    );
  }

  get pieceIndex(): number {
    return this.#deps.pieceIndex;
  }

  /**
   * Takes the next bytes. @returns true when they were the last.
   * @throws {AppError} `message_invalid` when they are not the next or too many.
   */
  add(offset: number, bytes: Uint8Array): boolean {
    if (offset !== this.#receivedBytes || offset + bytes.byteLength > this.#deps.pieceBytes) {
      throw invalid('payload is out of place', { pieceIndex: this.#deps.pieceIndex, offset });
    }
    this.#receivedBytes += bytes.byteLength;
    if (this.#buffer === undefined) this.#early.add(bytes);
    else this.#copy(this.#buffer, bytes);
    return this.#receivedBytes === this.#deps.pieceBytes;
  }

  /** Gives everything back. The rest of the piece is not wanted any more. */
  abandon(): void {
    this.#stop.abort();
    this.#buffer?.release();
    this.#buffer = undefined;
    this.#early.drain((bytes) => this.#deps.consumed(bytes.byteLength));
  }

  #take(buffer: PieceBuffer): void {
    if (this.#stop.signal.aborted) {
      buffer.release();
      return;
    }
    this.#buffer = buffer;
    this.#early.drain((bytes) => this.#copy(buffer, bytes));
  }

  #copy(buffer: PieceBuffer, bytes: Uint8Array): void {
    copyBytes(bytes, buffer.bytes, this.#copiedBytes);
    this.#copiedBytes += bytes.byteLength;
    this.#deps.consumed(bytes.byteLength);
    if (this.#copiedBytes < this.#deps.pieceBytes) return;
    this.#buffer = undefined;
    this.#deps.filled(buffer);
  }
}
