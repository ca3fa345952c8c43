// What of a neighbour's pieces may be asked for: of one in another zone its share (zone-shares.ts), of one in the own zone
// everything, until the coordinator takes it back (taken-back.ts).

import { NO_SHARE } from '../../../shared/pieces/piece-share.ts';
import { TakenBack } from './taken-back.ts';
import { ZoneShares, type NamedShare, type ZoneShareActions } from './zone-shares.ts';

/** What the coordinator, or a peer in its place, said of a neighbour. */
export interface Standing {
  /** As it was named; undefined for one that was not named, or is not any more. */
  readonly named: NamedShare | undefined;
  /** It was named and is not any more. */
  readonly isTakenBack: boolean;
}

export class NeighbourLimits {
  readonly #shares: ZoneShares;
  readonly #takenBack: TakenBack;
  readonly #far = new Set<number>();

  constructor(actions: ZoneShareActions, options: { readonly pieceCount: number }) {
    this.#shares = new ZoneShares(actions, options);
    this.#takenBack = new TakenBack({
      setAskable: (id, isAskable) => actions.setShare(id, isAskable ? undefined : NO_SHARE),
    });
  }

  /** A neighbour has a channel. */
  neighbourAdded(id: number, where: 'own zone' | 'other zone', { named, isTakenBack }: Standing): void {
    if (where === 'own zone') return this.#takenBack.neighbourAdded(id, isTakenBack);
    this.#far.add(id);
    this.#shares.neighbourAdded(id, named);
  }

  neighbourGone(id: number): void {
    if (this.#far.delete(id)) this.#shares.neighbourGone(id);
    else this.#takenBack.neighbourGone(id);
  }

  /** What was said of a neighbour may have changed. */
  renamed(id: number, { named, isTakenBack }: Standing): void {
    if (this.#far.has(id)) this.#shares.named(id, named);
    else this.#takenBack.renamed(id, isTakenBack);
  }

  pieceHere(pieceIndex: number): void {
    this.#shares.pieceHere(pieceIndex);
  }

  /** To be called several times a second; as `ZoneShares.tick` and `TakenBack.tick`. */
  tick(
    now: {
      readonly isPartial: boolean;
      readonly silentMs: number;
      readonly noBytesMs: number;
      readonly hasMore: () => boolean;
    },
    nowMs: number,
  ): void {
    this.#shares.tick(now, nowMs);
    this.#takenBack.tick(now);
  }
}
