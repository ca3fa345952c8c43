// What is known of each piece of a download:
//
//   wanted ──request──▶ asked ──last byte──▶ arrived ──hash holds──▶ held
//      ▲                  │ reject, deadline, gone        │ hash is wrong
//      └──────────────────┴───────────────────────────────┘
//
// What a late neighbour may still send is wanted (late-requests.ts).

import type { PiecePicker } from './piece-picker.ts';
import { PieceSet } from './piece-set.ts';

/** The picker knows which are wanted and which are held; here is what lies between. */
export class PieceStates {
  readonly #picker: PiecePicker;
  /** Requests out for each piece. */
  readonly #askedCounts: Uint8Array;
  /** Arrived, hash not known yet. */
  readonly #arrived: PieceSet;

  constructor(picker: PiecePicker, pieceCount: number) {
    this.#picker = picker;
    this.#askedCounts = new Uint8Array(pieceCount);
    this.#arrived = new PieceSet(pieceCount);
  }

  askedCount(piece: number): number {
    return this.#askedCounts[piece] ?? 0;
  }

  /** Arrived, whether its hash is known or not. */
  isHere(piece: number): boolean {
    return this.#arrived.has(piece) || this.#picker.isHeld(piece);
  }

  /** Neither here nor asked of anybody. */
  isFree(piece: number): boolean {
    return this.#askedCounts[piece] === 0 && !this.isHere(piece);
  }

  asked(piece: number): void {
    this.#askedCounts[piece] = this.askedCount(piece) + 1;
    this.#picker.wanted.remove(piece);
  }

  /** One request is over. */
  answered(piece: number): void {
    this.#askedCounts[piece] = Math.max(0, this.askedCount(piece) - 1);
  }

  /** One request is over and brought nothing. */
  givenBack(piece: number): void {
    this.answered(piece);
    this.#wantIfFree(piece);
  }

  arrived(piece: number): void {
    if (this.#picker.isHeld(piece)) return;
    this.#arrived.add(piece);
    this.#picker.wanted.remove(piece);
  }

  verified(piece: number): void {
    this.#arrived.remove(piece);
    this.#picker.hold(piece);
  }

  /** Its hash was wrong, or it could not be kept. */
  spoiled(piece: number): void {
    this.#arrived.remove(piece);
    this.#wantIfFree(piece);
  }

  #wantIfFree(piece: number): void {
    if (this.isFree(piece)) this.#picker.want(piece);
  }
}
