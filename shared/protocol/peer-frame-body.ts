// The body of a peer frame, field by field: numbers big-endian, text as its length in one byte and as many of ASCII.

import { classifyDigest, type Digest } from '../oci/digest.ts';
import { MAX_BLOB_BYTES, MAX_PIECE_BYTES } from '../pieces/piece-table.ts';
import { AppError } from '../runtime/errors.ts';

/** In front of every body: its length in four bytes, its type in one. */
export const FRAME_HEADER_BYTES = 5;
/** Pieces of the largest blob: 8 TiB in cuts of 4 MiB. */
export const MAX_PIECES = MAX_BLOB_BYTES / MAX_PIECE_BYTES;

/** `count` pieces from `first` on. */
export interface PieceRun {
  readonly first: number;
  readonly count: number;
}

/** A breach of the protocol by the other side. */
export function invalid(message: string, detail: Readonly<Record<string, string | number>> = {}): AppError {
  return new AppError('message_invalid', message, { detail });
}

/** Writes the fields of one frame in order. */
export class BodyWriter {
  readonly #parts: Uint8Array[] = [];

  u8(value: number): this {
    return this.#number(value, 1);
  }
  u16(value: number): this {
    return this.#number(value, 2);
  }
  u32(value: number): this {
    return this.#number(value, 4);
  }
  u48(value: number): this {
    return this.#number(value, 6);
  }
  bytes(value: Uint8Array): this {
    this.#parts.push(value);
    return this;
  }
  text(value: string): this {
    const bytes = Buffer.from(value, 'latin1');
    return this.u8(bytes.byteLength).bytes(bytes);
  }
  end(): void {
    // Ends a chain of writes where a statement is wanted.
  }

  /** The whole frame. */
  finish(code: number): Buffer {
    let bodyBytes = 0;
    for (const part of this.#parts) bodyBytes += part.byteLength;
    const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + bodyBytes);
    frame.writeUInt32BE(bodyBytes, 0);
    frame[4] = code;
    let at = FRAME_HEADER_BYTES;
    for (const part of this.#parts) {
      frame.set(part, at);
      at += part.byteLength;
    }
    return frame;
  }

  #number(value: number, width: number): this {
    const bytes = Buffer.allocUnsafe(width);
    bytes.writeUIntBE(value, 0, width);
    this.#parts.push(bytes);
    return this;
  }
}

/** Reads the fields of one frame in order. Every method throws `message_invalid` when the body ends too early. */
export class BodyReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.byteLength;
  }

  u8(): number {
    return this.#number(1);
  }
  u16(): number {
    return this.#number(2);
  }
  u32(): number {
    return this.#number(4);
  }
  u48(): number {
    return this.#number(6);
  }
  text(): string {
    const length = this.u8();
    this.#need(length);
    const value = this.#bytes.toString('latin1', this.#at, this.#at + length);
    this.#at += length;
    return value;
  }
  digest(): Digest {
    const result = classifyDigest(this.text());
    if (result.type !== 'served') throw invalid('frame names no digest that is served');
    return result.digest;
  }
  rest(): Uint8Array {
    const value = new Uint8Array(this.#bytes.subarray(this.#at));
    this.#at = this.#bytes.byteLength;
    return value;
  }
  runs(): PieceRun[] {
    const runs: PieceRun[] = [];
    while (!this.isAtEnd) {
      const run = { first: this.u32(), count: this.u32() };
      if (run.count === 0 || run.first + run.count > MAX_PIECES) throw invalid('run of pieces out of range');
      runs.push(run);
    }
    return runs;
  }
  oneOf<T extends string>(values: readonly T[]): T {
    const value = values[this.u8()];
    if (value === undefined) throw invalid('unknown reason in a frame');
    return value;
  }

  #number(width: number): number {
    this.#need(width);
    const value = this.#bytes.readUIntBE(this.#at, width);
    this.#at += width;
    return value;
  }
  #need(bytes: number): void {
    if (this.#at + bytes > this.#bytes.byteLength) throw invalid('frame ends too early');
  }
}
