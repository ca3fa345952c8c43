// Neighbours of the own zone that the coordinator took back while their channel is open, because a member came between the two or
// one of them is done and gives to others. Nothing more is asked of them. Who came first into a fleet whose hosts come one after
// the other would else have more neighbours with each that comes: its uplink is then cut into 25 parts, and a host with
// eight such neighbours gets half of what its link carries (200 hosts over six times of a pull: the slowest took 1.27 of the
// bound from its own start while all were asked, 1.14 since).
//
// They are asked again when too few of those that are named have a channel, when only some pieces are needed, which others may not want, and when
// nothing came for long: then until the coordinator names another, since who gave nothing so far does not begin with the first piece of somebody else.

/** Named neighbours with a channel from which on the others are left alone: six are nearly as good as eight. */
const ENOUGH_NAMED = 6;
/** No byte came for so long: whoever can give is asked. What is only announced does not count: those that announce may give nothing. */
const STARVED_MS = 15_000;

interface Near {
  isTakenBack: boolean;
  isLeftAlone: boolean;
}

export class TakenBack {
  readonly #setAskable: (neighbour: number, isAskable: boolean) => void;
  readonly #near = new Map<number, Near>();
  #areStarved = false;

  /** @param actions.setAskable called while an event is being handled. */
  constructor(actions: { readonly setAskable: (neighbour: number, isAskable: boolean) => void }) {
    this.#setAskable = actions.setAskable;
  }

  /** A neighbour of the own zone has a channel. Those of other zones are not told of here. */
  neighbourAdded(id: number, isTakenBack: boolean): void {
    this.#near.set(id, { isTakenBack, isLeftAlone: false });
    if (!isTakenBack) this.#areStarved = false;
    this.#apply();
  }

  neighbourGone(id: number): void {
    if (this.#near.delete(id)) this.#apply();
  }

  /** The coordinator took a neighbour back, or named it again. */
  renamed(id: number, isTakenBack: boolean): void {
    const near = this.#near.get(id);
    if (near === undefined || near.isTakenBack === isTakenBack) return;
    near.isTakenBack = isTakenBack;
    if (!isTakenBack) this.#areStarved = false;
    this.#apply();
  }

  /** To be called several times a second. @param now.noBytesMs since when nothing came from anybody. */
  tick(now: { readonly isPartial: boolean; readonly noBytesMs: number }): void {
    if (now.noBytesMs >= STARVED_MS) this.#areStarved = true;
    this.#apply(now.isPartial);
  }

  #apply(isPartial = false): void {
    const isEverybodyAsked = isPartial || this.#areStarved;
    let namedCount = 0;
    for (const { isTakenBack } of this.#near.values()) if (!isTakenBack) namedCount += 1;
    const areEnough = namedCount >= ENOUGH_NAMED && !isEverybodyAsked;
    for (const [id, near] of this.#near) {
      const isLeftAlone = near.isTakenBack && areEnough;
      if (isLeftAlone === near.isLeftAlone) continue;
      near.isLeftAlone = isLeftAlone;
      this.#setAskable(id, !isLeftAlone);
    }
  }
}
