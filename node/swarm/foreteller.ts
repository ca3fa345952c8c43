// Watches the pieces of one download on their way here, and says which of them will be here in a moment, and which will not after all.

import type { PieceAssembly } from './piece-assembly.ts';
import { foretellingLeadMs } from './scheduler/foretold-pieces.ts';

/** Who passes it on to the neighbours. */
export interface ForetellerOwner {
  /** A piece is about to be whole; that it is here, or `retracted`, follows. */
  foretold(pieceIndex: number): void;
  /** A piece that was foretold does not come for now. */
  retracted(pieceIndex: number): void;
}

export class Foreteller {
  readonly #owner: ForetellerOwner;
  /** How long before their last byte pieces are foretold; 0 for not at all. */
  #leadMs = 0;

  constructor(owner: ForetellerOwner) {
    this.#owner = owner;
  }

  /** @param roundTripsMs to all neighbours; 0 for what is not known. */
  measured(roundTripsMs: readonly number[]): void {
    this.#leadMs = foretellingLeadMs(roundTripsMs);
  }

  /** Bytes of a piece came. */
  came(assembly: PieceAssembly, bytes: number, nowMs: number): void {
    assembly.forecast.arrived(bytes, nowMs);
    if (assembly.isForetold || !assembly.forecast.isDue(this.#leadMs)) return;
    assembly.isForetold = true;
    this.#owner.foretold(assembly.pieceIndex);
  }

  /** A piece was given up, or is spoiled. */
  gone(assembly: PieceAssembly): void {
    if (!assembly.isForetold) return;
    assembly.isForetold = false;
    this.#owner.retracted(assembly.pieceIndex);
  }

  /** Takes back the word on what does not come any more. To be called several times a second. */
  look(assemblies: Iterable<PieceAssembly>, nowMs: number): void {
    for (const assembly of assemblies) {
      if (assembly.isForetold && assembly.forecast.isSilent(this.#leadMs, nowMs)) this.gone(assembly);
    }
  }
}
