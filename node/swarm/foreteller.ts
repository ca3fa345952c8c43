// Watches the pieces of one download on their way here, and says which of them will be here in a moment, and which will not after all.

import type { PieceAssembly } from './piece-assembly.ts';
import { isOverdue } from './scheduler/arrival-forecast.ts';
import { foretellingLeadMs } from './scheduler/foretold-pieces.ts';

/** Who passes it on to the neighbours. */
export interface ForetellerOwner {
  /** A piece is about to be whole; that it is here, or `retracted`, follows. */
  foretold(pieceIndex: number): void;
  /** A piece that was foretold does not come for now. */
  retracted(pieceIndex: number): void;
}

/** A piece on its way, as far as its arrival is concerned. */
export type ExpectedPiece = Pick<PieceAssembly, 'pieceIndex' | 'forecast' | 'wasForetold'>;

export class Foreteller {
  readonly #owner: ForetellerOwner;
  /** What was foretold and is not here, and since when. At most what is under way or being checked. */
  readonly #toldMs = new Map<number, number>();
  /** How long before their last byte pieces are foretold; 0 for not at all. */
  #leadMs = 0;

  constructor(owner: ForetellerOwner) {
    this.#owner = owner;
  }

  /** @param roundTripsMs to all neighbours; 0 for what is not known. */
  measured(roundTripsMs: readonly number[]): void {
    this.#leadMs = foretellingLeadMs(roundTripsMs);
  }

  /** Bytes of a piece came. One that was late once is not foretold again while it comes. */
  came(piece: ExpectedPiece, bytes: number, nowMs: number): void {
    const { forecast, pieceIndex } = piece;
    forecast.arrived(bytes, nowMs);
    if (piece.wasForetold || this.#toldMs.has(pieceIndex) || !forecast.isDue(this.#leadMs)) return;
    piece.wasForetold = true;
    this.#toldMs.set(pieceIndex, nowMs);
    this.#owner.foretold(pieceIndex);
  }

  /** A piece is here, and its hash held. */
  verified(pieceIndex: number): void {
    this.#toldMs.delete(pieceIndex);
  }

  /** A piece was given up, or is spoiled. */
  gone(pieceIndex: number): void {
    if (this.#toldMs.delete(pieceIndex)) this.#owner.retracted(pieceIndex);
  }

  /** Takes back the word on what is not here by now, for whatever reason. To be called several times a second. */
  look(nowMs: number): void {
    for (const [pieceIndex, toldMs] of this.#toldMs) {
      if (isOverdue(toldMs, this.#leadMs, nowMs)) this.gone(pieceIndex);
    }
  }
}
