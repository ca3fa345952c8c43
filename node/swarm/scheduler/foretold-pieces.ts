// What one neighbour was told of before it was here. It takes a round trip from the word that a piece is here to the first byte of
// that piece at whoever asks for it; said a round trip before its last byte comes, the neighbour's question is here in time. That
// takes up to two thirds off what each step from host to host costs where the way is long. When it is said: arrival-forecast.ts.
//
//   told ──▶ asked for, waits ──▶ it is here: sent
//     └───────────┴──────────────▶ it does not come: rejected, asked for or not, and told of anew when it does

import type { PieceSet } from './piece-set.ts';

/**
 * Below this pieces are told of when they are here: busy hosts side by side measure up to 20 ms, and telling ahead only made them wait
 * (16 hosts at 50 Mbit/s, four runs each: 1.21 to 1.28 of the bound when it was done from 2 ms on, 1.16 to 1.21 without).
 */
const LEAST_ROUND_TRIP_MS = 20;
/** Nothing is told of earlier than this: the farther ahead, the more often it comes later than foretold. */
const LONGEST_LEAD_MS = 250;

/**
 * How long before its last byte a piece is told of. @param roundTripsMs to the neighbours, 0 for what is not known.
 * @returns 0 when it is of no use. The shortest of them, since what makes others longer is mostly no way but a queue.
 */
export function foretellingLeadMs(roundTripsMs: readonly number[]): number {
  const shortest = Math.min(...roundTripsMs.filter((ms) => ms > 0));
  return shortest < LEAST_ROUND_TRIP_MS || shortest === Infinity ? 0 : Math.min(shortest, LONGEST_LEAD_MS);
}

/** Pieces that a peer waits for from us, beside which it may hear of one that is not here: with more of them it is busy as it is. */
const MOST_ASKED = 1;

/**
 * Who may hear of a piece that is not here yet. Not who gives pieces of its own choice: it goes by what is here. And not of the
 * last that a host lacks: who heard of them all has no more to give or to want, and would leave.
 * @param peer.askedCount pieces that it waits for from us. @param own what is here, and how much was foretold to the peer that is not.
 */
export function mayForetell(
  peer: { readonly remoteHas: PieceSet | undefined; readonly isOffering: boolean; readonly askedCount: number },
  piece: number,
  own: { readonly has: PieceSet; readonly foretoldCount: number },
): boolean {
  if (peer.isOffering || peer.askedCount > MOST_ASKED || peer.remoteHas?.has(piece) === true) return false;
  return own.has.count + own.foretoldCount + 1 < own.has.length;
}

/** The pieces of one blob, towards one neighbour. */
export class ForetoldPieces {
  /** True for what was asked for since. */
  readonly #told = new Map<number, boolean>();

  /** Pieces that are awaited. */
  get count(): number {
    return this.#told.size;
  }

  /** Pieces that the neighbour asked for, and waits for. */
  get askedCount(): number {
    let count = 0;
    for (const wasAsked of this.#told.values()) if (wasAsked) count += 1;
    return count;
  }

  has(piece: number): boolean {
    return this.#told.has(piece);
  }

  tell(piece: number): void {
    if (!this.#told.has(piece)) this.#told.set(piece, false);
  }

  /** The neighbour asks for a piece that is not here. @returns false when it was not told of that. */
  ask(piece: number): boolean {
    if (!this.#told.has(piece)) return false;
    this.#told.set(piece, true);
    return true;
  }

  /** @returns false when it did not wait for that here. */
  cancel(piece: number): boolean {
    if (this.#told.get(piece) !== true) return false;
    this.#told.set(piece, false);
    return true;
  }

  /** It is here, or will not come. @returns what the neighbour did about it; undefined when it was not told. */
  over(piece: number): 'asked' | 'told' | undefined {
    const wasAsked = this.#told.get(piece);
    this.#told.delete(piece);
    if (wasAsked === undefined) return undefined;
    return wasAsked ? 'asked' : 'told';
  }
}
