// Which pieces somebody has, one bit each, most significant bit first.

import { AppError } from '../runtime/errors.ts';

/** A set of piece numbers below a fixed length. */
export class Bitfield {
  readonly length: number;
  readonly #bits: Uint8Array;
  #count: number;

  constructor(length: number) {
    this.length = length;
    this.#bits = new Uint8Array(Math.ceil(length / 8));
    this.#count = 0;
  }

  /** Reads bits from outside. @throws {AppError} `message_invalid` on a wrong length or bits past the end. */
  static parse(length: number, bytes: Uint8Array): Bitfield {
    const field = new Bitfield(length);
    if (bytes.byteLength !== field.#bits.byteLength) {
      throw new AppError('message_invalid', 'bitfield has a wrong length', {
        detail: { length, bytes: bytes.byteLength },
      });
    }
    field.#bits.set(bytes);
    for (let index = length; index < bytes.byteLength * 8; index += 1) {
      if (field.has(index)) throw new AppError('message_invalid', 'bitfield has bits past its end');
    }
    for (let index = 0; index < length; index += 1) if (field.has(index)) field.#count += 1;
    return field;
  }

  /** All bits set. */
  static full(length: number): Bitfield {
    const field = new Bitfield(length);
    for (let index = 0; index < length; index += 1) field.add(index);
    return field;
  }

  /** How many bits are set. */
  get count(): number {
    return this.#count;
  }

  get isComplete(): boolean {
    return this.#count === this.length;
  }

  has(index: number): boolean {
    return ((this.#bits[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0;
  }

  /** Sets a bit. @returns true when it was not set before. */
  add(index: number): boolean {
    if (index < 0 || index >= this.length || this.has(index)) return false;
    this.#bits[index >> 3] = (this.#bits[index >> 3] ?? 0) | (0x80 >> (index & 7));
    this.#count += 1;
    return true;
  }

  /** Clears a bit. @returns true when it was set before. */
  remove(index: number): boolean {
    if (!this.has(index)) return false;
    this.#bits[index >> 3] = (this.#bits[index >> 3] ?? 0) & ~(0x80 >> (index & 7));
    this.#count -= 1;
    return true;
  }

  /** The first unset index at or after `from`; `length` when there is none. */
  firstMissing(from = 0): number {
    let index = from;
    while (index < this.length) {
      if ((index & 7) === 0 && this.#bits[index >> 3] === 0xff) index += 8;
      else if (this.has(index)) index += 1;
      else return index;
    }
    return this.length;
  }

  /** A copy of the bits. */
  toBytes(): Uint8Array {
    return this.#bits.slice();
  }
}
