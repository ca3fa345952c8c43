// What becomes of the requests to a neighbour that is silent past its deadline. A busy host stands still for half a second now and then, and
// what it was asked for comes the moment after. Thrown away and asked for anew it came twice, a second later: three hosts of a loaded
// machine got up to a fifth of 4 MiB twice. So what nobody else was asked for is kept a little longer:
//
//   asked ──deadline──▶ late: wanted of others too ──the neighbour sends again──▶ asked as before
//                        ├──somebody else is asked for it──▶ cancelled
//                        └──a second is over─────────────▶ cancelled

import type { Neighbour } from './neighbour.ts';
import type { PieceStates } from './piece-states.ts';

export class LateRequests {
  readonly #pieces: PieceStates;
  readonly #cancel: (neighbour: number, pieceIndex: number) => void;

  constructor(deps: {
    readonly pieces: PieceStates;
    readonly cancel: (neighbour: number, pieceIndex: number) => void;
  }) {
    this.#pieces = deps.pieces;
    this.#cancel = deps.cancel;
  }

  /** A neighbour is silent past its deadline, and rests. */
  begin(neighbour: Neighbour, nowMs: number): void {
    neighbour.rest(nowMs);
    this.takeBack(neighbour, (piece) => this.#pieces.askedCount(piece) > 1);
    for (const { pieceIndex } of neighbour.asked) this.#pieces.givenBack(pieceIndex);
  }

  /** A neighbour gave a sign of life: what it was asked for is asked as before. Harmless when it is not late. */
  come(neighbour: Neighbour): void {
    if (!neighbour.isLate) return;
    neighbour.lateEnds();
    for (const { pieceIndex } of neighbour.asked) this.#pieces.asked(pieceIndex);
  }

  /** What is late is not waited for any more. Harmless when nothing is. */
  giveUp(neighbour: Neighbour): void {
    if (!neighbour.isLate) return;
    neighbour.lateEnds();
    this.takeBack(neighbour, () => true);
  }

  /** A piece is about to be asked of somebody: whoever is late with it need not send it. */
  replaced(neighbours: ReadonlyArray<Neighbour | undefined>, pieceIndex: number): void {
    for (const each of neighbours) {
      if (each?.isLate === true && each.remove(pieceIndex) !== undefined) this.#cancel(each.id, pieceIndex);
    }
  }

  /** Takes back some of what a neighbour was asked for. */
  takeBack(neighbour: Neighbour, isTaken: (pieceIndex: number) => boolean): void {
    for (const { pieceIndex } of neighbour.asked.filter((asked) => isTaken(asked.pieceIndex))) {
      neighbour.remove(pieceIndex);
      this.#cancel(neighbour.id, pieceIndex);
      this.#pieces.givenBack(pieceIndex);
    }
  }
}
