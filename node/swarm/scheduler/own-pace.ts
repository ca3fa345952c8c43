// Notices that this host gets a blob much more slowly than its neighbours do, so that its link is slow in comparison. Nobody else can
// tell as soon: to each neighbour a slow host looks like one that is busy with others. It says so of itself alone, and nothing
// is gained by saying it wrongly.
//
// Pieces are compared, not times: how many came here while half of the neighbours told of so many. A neighbour does not tell
// of pieces that we have, so that a fast host thinks too little of the others, and never that it is behind.

import type { Neighbour } from './neighbour.ts';

/** A window ends when half of the neighbours gained so many pieces: few enough to end in the first twentieth of a pull. */
const WINDOW_PIECES = 32;
/** Fewer neighbours that are still downloading are no measure. */
const MIN_NEIGHBOURS = 5;
/** At most this part of what the neighbour in the middle gained is slow. One neighbour of eight has about half of it by chance. */
const SLOW_SHARE = 0.25;
/** Windows in a row: in the first of a pull those who stand far from the holder are behind. */
const SLOW_WINDOWS = 2;

export class OwnPace {
  /** Pieces that each neighbour had told of when the window began. */
  #told = new Map<Neighbour, number>();
  /** Pieces that came here in this window. */
  #ownGain = 0;
  #isHeldBack = false;
  #slowWindows = 0;
  #isBehind = false;

  /** This host was behind once in this pull. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** A piece came here. */
  arrived(): void {
    this.#ownGain += 1;
  }

  /** A piece was not asked for because of a cap, or of what clients wait for: this window says nothing. */
  heldBack(): void {
    this.#isHeldBack = true;
  }

  /** To be called several times a second. @returns true when this host fell behind in the windows that just ended. */
  look(neighbours: ReadonlyArray<Neighbour | undefined>): boolean {
    const gains: number[] = [];
    for (const neighbour of neighbours) {
      if (neighbour === undefined || neighbour.isWhole) continue;
      const before = this.#told.get(neighbour);
      if (before !== undefined) gains.push(neighbour.toldCount - before);
    }
    const middle = gains.sort((left, right) => left - right)[gains.length >> 1] ?? 0;
    if (gains.length >= MIN_NEIGHBOURS && middle < WINDOW_PIECES) return false;
    const isSlow = gains.length >= MIN_NEIGHBOURS && !this.#isHeldBack && this.#ownGain <= middle * SLOW_SHARE;
    this.#begin(neighbours);
    this.#slowWindows = isSlow ? this.#slowWindows + 1 : 0;
    const fellBehind = this.#slowWindows > 0 && this.#slowWindows % SLOW_WINDOWS === 0;
    if (fellBehind) this.#isBehind = true;
    return fellBehind;
  }

  /** The next window. */
  #begin(neighbours: ReadonlyArray<Neighbour | undefined>): void {
    this.#ownGain = 0;
    this.#isHeldBack = false;
    this.#told = new Map();
    for (const neighbour of neighbours) {
      if (neighbour !== undefined && !neighbour.isWhole) this.#told.set(neighbour, neighbour.toldCount);
    }
  }
}
