// What may be asked of each neighbour of a download, by the zone it stands in and by what it was named for; and who is told when
// pieces come into this zone too late. Pure, as the scheduler.
//
//   own zone                              everything
//   other zone, named with a share        that share
//   other zone, named without one         everything: by a peer, while the coordinator is away
//   other zone, not named                 nothing: it dialled us to ask, not to be asked
//
// The one who asks keeps to it, and the one who is asked serves whatever it is asked for: only the asker is told of its share, and
// when a share goes to another the two would learn of it at different times, so that refusals would hit requests that were right
// when they were made. What crosses is counted at both ends, so that a node that does not keep to its share is seen.
//
// Two things lift the limits: only some pieces are needed, so that other gateways may not want them; and nothing at all was heard
// for long although there is something to be had, so that nobody is left who could give the shares anew. Then a piece may
// cross twice, but nobody starves.

import { isSameShare, NO_SHARE, type PieceShare } from '../../../shared/pieces/piece-share.ts';
import { ClassLag } from './class-lag.ts';
import { PieceSet } from './piece-set.ts';

/** No piece came, and none was announced, for so long: longer than the coordinator takes to give the share of a gateway that fell behind to another. */
const STARVED_MS = 15_000;
/** Classes that fall behind are looked for so often. */
const LOOK_EVERY_MS = 1000;

/** As the coordinator, or a peer in its place, named a neighbour. */
export interface NamedShare {
  readonly share?: PieceShare | undefined;
}

/** Called while an event is being handled. */
export interface ZoneShareActions {
  setShare(neighbour: number, share: PieceShare | undefined): void;
  /** These classes come into this zone much later than the others. */
  lagging(classes: readonly number[]): void;
}

interface Limited {
  named: NamedShare | undefined;
  applied: PieceShare | undefined;
}

export class ZoneShares {
  readonly #actions: ZoneShareActions;
  readonly #held: PieceSet;
  /** Neighbours in other zones. */
  readonly #limited = new Map<number, Limited>();
  #lag: ClassLag | undefined;
  #lookedMs = -Infinity;
  #areLifted = false;

  constructor(actions: ZoneShareActions, options: { readonly pieceCount: number }) {
    this.#actions = actions;
    this.#held = new PieceSet(options.pieceCount);
  }

  /** A neighbour in another zone. Those of this zone have no limits and are not told of here. */
  neighbourAdded(id: number, named: NamedShare | undefined): void {
    this.#limited.set(id, { named, applied: undefined });
    this.named(id, named);
  }

  neighbourGone(id: number): void {
    this.#limited.delete(id);
  }

  /** A neighbour was named anew, or is not any more. */
  named(id: number, named: NamedShare | undefined): void {
    const limited = this.#limited.get(id);
    if (limited === undefined) return;
    if (named?.share !== undefined && !isSameShare(limited.named?.share, named.share)) this.#areLifted = false;
    limited.named = named;
    this.#compareClasses(named?.share?.of);
    this.#apply();
  }

  pieceHere(pieceIndex: number): void {
    if (this.#held.add(pieceIndex)) this.#lag?.has(pieceIndex);
  }

  /**
   * To be called several times a second. @param now.silentMs since when nothing came from anybody, and no piece was announced.
   * @param now.hasMore whether one of other zones has what is missing here.
   */
  tick(
    now: { readonly isPartial: boolean; readonly silentMs: number; readonly hasMore: () => boolean },
    nowMs: number,
  ): void {
    if (this.#limited.size === 0) return;
    if (now.silentMs >= STARVED_MS && now.hasMore()) this.#areLifted = true;
    this.#apply(now.isPartial);
    if (nowMs - this.#lookedMs < LOOK_EVERY_MS || now.isPartial) return;
    this.#lookedMs = nowMs;
    const behind = this.#lag?.look(nowMs) ?? [];
    if (behind.length > 0) this.#actions.lagging(behind);
  }

  #apply(isPartial = false): void {
    const areLifted = this.#areLifted || isPartial;
    for (const [id, limited] of this.#limited) {
      const share = areLifted ? undefined : limitOf(limited.named);
      if (isSameShare(share, limited.applied)) continue;
      limited.applied = share;
      this.#actions.setShare(id, share);
    }
  }

  /** Begins to compare classes as soon as it is known how many there are. */
  #compareClasses(of: number | undefined): void {
    if (of === undefined || this.#lag?.classCount === of) return;
    this.#lag = new ClassLag({ pieceCount: this.#held.length, of });
    for (let piece = this.#held.next(0); piece >= 0; piece = this.#held.next(piece + 1)) this.#lag.has(piece);
  }
}

function limitOf(named: NamedShare | undefined): PieceShare | undefined {
  return named === undefined ? NO_SHARE : named.share;
}
