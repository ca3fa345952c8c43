// A set of piece numbers as 32-bit words: what the scheduler computes with, thousands of times a second.

const FULL_WORD = 0xffff_ffff;

/** Piece numbers below a fixed length. Bits past the length are never set. */
export class PieceSet {
  readonly length: number;
  /** Lowest piece number in the lowest bit. Read by the picker; changed only here. */
  readonly words: Uint32Array;
  #count = 0;

  constructor(length: number) {
    this.length = length;
    this.words = new Uint32Array((length + 31) >>> 5);
  }

  static full(length: number): PieceSet {
    const set = new PieceSet(length);
    set.words.fill(FULL_WORD);
    const tail = length & 31;
    if (tail !== 0) set.words[set.words.length - 1] = FULL_WORD >>> (32 - tail);
    set.#count = length;
    return set;
  }

  /** The same pieces, to be changed apart. */
  copy(): PieceSet {
    const set = new PieceSet(this.length);
    set.words.set(this.words);
    set.#count = this.#count;
    return set;
  }

  get count(): number {
    return this.#count;
  }

  get isComplete(): boolean {
    return this.#count === this.length;
  }

  has(piece: number): boolean {
    return (((this.words[piece >>> 5] ?? 0) >>> (piece & 31)) & 1) === 1;
  }

  /** @returns true when it was not there before; false also for a number out of range. */
  add(piece: number): boolean {
    if (piece >= this.length || this.has(piece)) return false;
    const at = piece >>> 5;
    this.words[at] = (this.words[at] ?? 0) | (1 << (piece & 31));
    this.#count += 1;
    return true;
  }

  /** @returns true when it was there before. */
  remove(piece: number): boolean {
    if (!this.has(piece)) return false;
    const at = piece >>> 5;
    this.words[at] = (this.words[at] ?? 0) & ~(1 << (piece & 31));
    this.#count -= 1;
    return true;
  }

  /** The lowest number at or after `from`; -1 when there is none. */
  next(from: number): number {
    for (let at = from >>> 5; at < this.words.length; at += 1) {
      let word = this.words[at] ?? 0;
      if (at === from >>> 5) word &= FULL_WORD << (from & 31);
      if (word !== 0) return (at << 5) + lowestBit(word);
    }
    return -1;
  }

  /** The lowest number at or after `from` that is not there; `length` when there is none. */
  firstMissing(from: number): number {
    for (let at = from >>> 5; at < this.words.length; at += 1) {
      let word = ~(this.words[at] ?? 0);
      if (at === from >>> 5) word &= FULL_WORD << (from & 31);
      if (word !== 0) return Math.min(this.length, (at << 5) + lowestBit(word));
    }
    return this.length;
  }
}

/** Number of the lowest set bit of a word that is not 0. */
export function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/** How many bits of a word of 32 are set. */
export function countBits(word: number): number {
  let count = 0;
  for (let left = word; left !== 0; left &= left - 1) count += 1;
  return count;
}
