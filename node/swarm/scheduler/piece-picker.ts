// Which piece to ask a neighbour for: rarest of a window in front of the reader, now and then rarest anywhere, ties at
// random. Measured against in-order, rarest-first and others in the simulator; the window is what makes a blob readable
// while it arrives, the rest is what keeps neighbours interesting to each other.

import type { PieceNeeds } from './piece-needs.ts';
import { PieceSet, lowestBit } from './piece-set.ts';

/** Pieces in front of the first missing one that are preferred. */
const WINDOW_PIECES = 64;
/** Part of the choices that keep to the window. */
const WINDOW_SHARE = 0.75;
/**
 * Part of the choices that go to pieces somebody waits for, while the rest of the blob is wanted too: the rest then takes
 * a tenth of the requests at most, and is never starved.
 */
const FIRST_SHARE = 0.9;

export const NO_PIECE = -1;

/** What is still to be asked for, and how many neighbours have each piece. */
export class PiecePicker {
  /** Missing, needed, and asked of nobody. */
  readonly wanted: PieceSet;
  readonly #held: PieceSet;
  readonly #holderCounts: Uint16Array;
  #readers: readonly number[] = [];
  /** Undefined: every piece, none before the others. */
  #needs: PieceNeeds | undefined;

  constructor(pieceCount: number) {
    this.wanted = PieceSet.full(pieceCount);
    this.#held = new PieceSet(pieceCount);
    this.#holderCounts = new Uint16Array(pieceCount);
  }

  /** Where clients read, as piece numbers: the window starts at the first missing piece of one of them. */
  setReaders(pieces: readonly number[]): void {
    this.#readers = pieces;
  }

  /** @param isFree whether a piece is neither here nor asked for. */
  setNeeds(needs: PieceNeeds | undefined, isFree: (piece: number) => boolean): void {
    this.#needs = needs;
    for (let piece = 0; piece < this.wanted.length; piece += 1) {
      if (isFree(piece)) this.want(piece);
      if (!this.isNeeded(piece)) this.wanted.remove(piece);
    }
  }

  /** True while some pieces are not needed at all. */
  get isPartial(): boolean {
    return this.#needs?.rest === 'unwanted';
  }

  /** A piece is missing and asked of nobody (any more). */
  want(piece: number): void {
    if (this.isNeeded(piece)) this.wanted.add(piece);
  }

  holderAdded(piece: number): void {
    this.#holderCounts[piece] = (this.#holderCounts[piece] ?? 0) + 1;
  }

  holderRemoved(piece: number): void {
    this.#holderCounts[piece] = (this.#holderCounts[piece] ?? 1) - 1;
  }

  /** Counts a neighbour in (1) or out (-1) that has these. */
  countHolder(has: PieceSet, by: 1 | -1): void {
    for (let piece = has.next(0); piece >= 0; piece = has.next(piece + 1)) {
      this.#holderCounts[piece] = (this.#holderCounts[piece] ?? 0) + by;
    }
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
    const needs = this.#needs;
    if (needs?.rest === 'wanted' && needs.first.count > 0 && random() < FIRST_SHARE) {
      const piece = this.#pickOf(has, needs.first, random);
      if (piece !== NO_PIECE) return piece;
    }
    return this.#pickOf(has, undefined, random);
  }

  /** @param only the choice is among these; undefined for all. */
  #pickOf(has: PieceSet, only: PieceSet | undefined, random: () => number): number {
    if (random() < WINDOW_SHARE) {
      const start = this.#windowStart(random);
      if (this.#readers.length > 0 && has.has(start) && this.wanted.has(start)) return start;
      const end = Math.min(start + WINDOW_PIECES, has.length);
      const piece = this.#rarest({ has, only, from: start, to: end }, random);
      if (piece !== NO_PIECE) return piece;
    }
    return this.#rarest({ has, only, from: 0, to: has.length }, random);
  }

  /** True for a piece that is to come, or is here and was. */
  isNeeded(piece: number): boolean {
    return this.#needs === undefined || this.#needs.rest === 'wanted' || this.#needs.first.has(piece);
  }

  /** The first wanted piece that somebody waits for and that nobody else has; `NO_PIECE` when there is none. */
  pickFirst(has: PieceSet): number {
    const first = this.#needs?.first;
    if (first === undefined) return NO_PIECE;
    for (let piece = first.next(0); piece >= 0; piece = first.next(piece + 1)) {
      if (this.wanted.has(piece) && has.has(piece) && this.holderCount(piece) === 0) return piece;
    }
    return NO_PIECE;
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
  #rarest(
    among: {
      readonly has: PieceSet;
      readonly only: PieceSet | undefined;
      readonly from: number;
      readonly to: number;
    },
    random: () => number,
  ): number {
    const { has, only, from, to } = among;
    let best = NO_PIECE;
    let bestCount = Infinity;
    let ties = 0;
    const wanted = this.wanted.words;
    const theirs = has.words;
    const lastWord = (to - 1) >>> 5;
    for (let at = from >>> 5; at <= lastWord; at += 1) {
      let word = (wanted[at] ?? 0) & (theirs[at] ?? 0);
      if (only !== undefined) word &= only.words[at] ?? 0;
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
