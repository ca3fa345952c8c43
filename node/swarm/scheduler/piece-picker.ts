// Which piece to ask a neighbour for: rarest of a window in front of the reader, now and then rarest anywhere, ties at
// random. Measured against in-order, rarest-first and others in the simulator; the window is what makes a blob readable
// while it arrives, the rest is what keeps neighbours interesting to each other.

import { PieceSet, lowestBit } from './piece-set.ts';

/** Pieces in front of the first missing one that are preferred. */
const WINDOW_PIECES = 64;
/** Part of the choices that keep to the window. */
const WINDOW_SHARE = 0.75;

export const NO_PIECE = -1;

/** What is still to be asked for, and how many neighbours have each piece. */
export class PiecePicker {
  /** Missing, and asked of nobody. */
  readonly wanted: PieceSet;
  readonly #held: PieceSet;
  readonly #holderCounts: Uint16Array;
  #readers: readonly number[] = [];

  constructor(pieceCount: number) {
    this.wanted = PieceSet.full(pieceCount);
    this.#held = new PieceSet(pieceCount);
    this.#holderCounts = new Uint16Array(pieceCount);
  }

  /** Where clients read, as piece numbers: the window starts at the first missing piece of one of them. */
  setReaders(pieces: readonly number[]): void {
    this.#readers = pieces;
  }

  holderAdded(piece: number): void {
    this.#holderCounts[piece] = (this.#holderCounts[piece] ?? 0) + 1;
  }

  holderRemoved(piece: number): void {
    this.#holderCounts[piece] = (this.#holderCounts[piece] ?? 1) - 1;
  }

  holderCount(piece: number): number {
    return this.#holderCounts[piece] ?? 0;
  }

  /** The piece is here, verified: it is never picked again. */
  hold(piece: number): void {
    this.wanted.remove(piece);
    this.#held.add(piece);
  }

  isHeld(piece: number): boolean {
    return this.#held.has(piece);
  }

  get isComplete(): boolean {
    return this.#held.isComplete;
  }

  /** A wanted piece that `has` contains, or `NO_PIECE`. @param random uniform in [0, 1). */
  pick(has: PieceSet, random: () => number): number {
    if (random() < WINDOW_SHARE) {
      const start = this.#windowStart(random);
      if (this.#readers.length > 0 && has.has(start) && this.wanted.has(start)) return start;
      const piece = this.#rarest(has, start, Math.min(start + WINDOW_PIECES, has.length), random);
      if (piece !== NO_PIECE) return piece;
    }
    return this.#rarest(has, 0, has.length, random);
  }

  /** The last wanted piece, for a neighbour that has every piece; `NO_PIECE` when nothing is wanted. */
  pickLast(): number {
    const { words } = this.wanted;
    for (let at = words.length - 1; at >= 0; at -= 1) {
      const word = words[at] ?? 0;
      if (word !== 0) return (at << 5) + 31 - Math.clz32(word);
    }
    return NO_PIECE;
  }

  #windowStart(random: () => number): number {
    const reader =
      this.#readers.length < 2 ? this.#readers[0] : this.#readers[Math.floor(random() * this.#readers.length)];
    const start = this.#held.firstMissing(reader ?? 0);
    return start < this.#held.length ? start : this.#held.firstMissing(0);
  }

  /** Fewest holders in [from, to); among equals each is as likely. */
  #rarest(has: PieceSet, from: number, to: number, random: () => number): number {
    let best = NO_PIECE;
    let bestCount = Infinity;
    let ties = 0;
    const wanted = this.wanted.words;
    const theirs = has.words;
    const lastWord = (to - 1) >>> 5;
    for (let at = from >>> 5; at <= lastWord; at += 1) {
      let word = (wanted[at] ?? 0) & (theirs[at] ?? 0);
      if (word === 0) continue;
      if (at === from >>> 5) word &= 0xffff_ffff << (from & 31);
      if (at === lastWord && (to & 31) !== 0) word &= 0xffff_ffff >>> (32 - (to & 31));
      while (word !== 0) {
        const piece = (at << 5) + lowestBit(word);
        word &= word - 1;
        const count = this.#holderCounts[piece] ?? 0;
        if (count > bestCount) continue;
        ties = count < bestCount ? 1 : ties + 1;
        bestCount = count;
        if (ties === 1 || random() * ties < 1) best = piece;
      }
    }
    return best;
  }
}
