// One host that has the blob whole and hands it out: the policy of the product, with links for connections.

import { HAND_OUT_PLACES, PieceHandOut, creditLimit } from '../../node/swarm/scheduler/piece-hand-out.ts';
import type { PieceSet } from '../../node/swarm/scheduler/piece-set.ts';

export interface Offer {
  readonly credits: number;
  readonly isPassOver: boolean;
}

interface SeederDeps {
  /** Queues a piece on a link. @returns false when it is queued there already. */
  readonly give: (link: number, pieceIndex: number) => boolean;
  /** Tells a link of a changed offer. */
  readonly offer: (link: number, offer: Offer) => void;
}

export class SimulatedSeeder {
  readonly #deps: SeederDeps;
  readonly #policy: PieceHandOut;
  readonly #pieceBytes: number;
  readonly #links = new Set<number>();
  #activeCount = 0;
  #lastOffer: Offer = { credits: 0, isPassOver: false };

  constructor(deps: SeederDeps, options: { readonly pieceCount: number; readonly pieceBytes: number }) {
    this.#deps = deps;
    this.#policy = new PieceHandOut(options);
    this.#pieceBytes = options.pieceBytes;
  }

  serves(link: number): boolean {
    return this.#links.has(link);
  }

  get offer(): Offer {
    const credits = creditLimit({ nodeCount: this.#policy.nodeCount, pieceBytes: this.#pieceBytes });
    return { credits, isPassOver: this.#policy.isPassOver };
  }

  joined(link: number, has: PieceSet): void {
    this.#links.add(link);
    this.#policy.nodeJoined(link);
    for (let piece = has.next(0); piece >= 0; piece = has.next(piece + 1)) this.#policy.nodeHas(link, piece);
    this.#tellChanges();
  }

  left(link: number): void {
    if (!this.#links.delete(link)) return;
    this.#policy.nodeLeft(link);
    this.serve();
  }

  has(link: number, piece: number): void {
    if (!this.#links.has(link)) return;
    this.#policy.nodeHas(link, piece);
    this.serve();
  }

  asked(link: number): void {
    this.#policy.creditAsked(link, this.offer.credits);
    this.serve();
  }

  /** A given piece left the queue of its link. */
  served(link: number, pieceIndex: number, isSent: boolean): void {
    this.#activeCount -= 1;
    if (!isSent) this.#policy.giveFailed(link, pieceIndex);
    this.serve();
  }

  serve(): void {
    while (this.#activeCount < HAND_OUT_PLACES) {
      const given = this.#policy.next();
      if (given === undefined) break;
      if (this.#deps.give(given.node, given.pieceIndex)) this.#activeCount += 1;
    }
    this.#tellChanges();
  }

  #tellChanges(): void {
    const { offer } = this;
    const { credits, isPassOver } = this.#lastOffer;
    if (offer.credits === credits && offer.isPassOver === isPassOver) return;
    this.#lastOffer = offer;
    for (const link of this.#links) this.#deps.offer(link, offer);
  }
}
