// When a piece that was handed out has left the host. The socket takes a megabyte for each peer at once, so that it took a
// piece says nothing: a host with a thin link then hands out in a second what it will send in ten, all of it at the same time, and
// everybody waits ten seconds for the first piece to pass on (measured with 16 hosts at 12 Mbit/s: 1.41 of the bound for
// 100 MiB, 2.4 for 40). So of the pieces that nobody said to have yet only some are believed to be gone; the others hold their
// place in the hand-out until the peer tells that it has one.
//
//   given ──▶ taken by the socket ──(few on their way)──▶ served: the place is free
//                    └──(many)──▶ held ──▶ a piece is told of, its peer is gone, or time is up ──▶ served

/** Pieces that may be on their way besides those that have a place; the number grows where they arrive soon. */
const FEWEST_AHEAD = 8;
/** Above this more would not make a fast link faster: 64 MiB in pieces of 256 KiB. */
const MOST_AHEAD = 256;
/** A piece that is told of so soon did not wait in a queue: one more may be ahead. */
const SOON_MS = 100;
/** And one that takes longer than this did: one less. */
const LATE_MS = 300;
/** After this the peer will not tell any more, for example because the piece was bad: the place is given to others. */
const GIVE_UP_MS = 30_000;

interface Held<Channel> {
  readonly channel: Channel;
  readonly pieceIndex: number;
}

export class Deliveries<Channel extends object> {
  readonly #served: (channel: Channel, pieceIndex: number) => void;
  /** When each piece was taken, for those that nobody told of yet. */
  readonly #onTheWay = new Map<Channel, Map<number, number>>();
  #held: Array<Held<Channel>> = [];
  #count = 0;
  #ahead = FEWEST_AHEAD;

  /** @param deps.served the place of a piece is free. Not called for a channel that has left. */
  constructor(deps: { readonly served: (channel: Channel, pieceIndex: number) => void }) {
    this.#served = deps.served;
  }

  /** The socket took a piece. */
  taken(channel: Channel, pieceIndex: number, nowMs: number): void {
    const pieces = this.#onTheWay.get(channel) ?? new Map<number, number>();
    this.#onTheWay.set(channel, pieces);
    if (!pieces.has(pieceIndex)) this.#count += 1;
    pieces.set(pieceIndex, nowMs);
    if (this.#count <= this.#ahead) this.#served(channel, pieceIndex);
    else this.#held.push({ channel, pieceIndex });
  }

  /** The other side has a piece, from here or from elsewhere. */
  has(channel: Channel, pieceIndex: number, nowMs: number): void {
    const takenMs = this.#onTheWay.get(channel)?.get(pieceIndex);
    if (takenMs === undefined) return;
    const tookMs = nowMs - takenMs;
    if (tookMs <= SOON_MS) this.#ahead = Math.min(MOST_AHEAD, this.#ahead + 1);
    else if (tookMs > LATE_MS) this.#ahead = Math.max(FEWEST_AHEAD, this.#ahead - 1);
    this.#arrived(channel, pieceIndex);
  }

  /**
   * The other side asks for one more, as it does when a piece begins to arrive: its oldest is there. For a peer that tells of
   * nothing; of others a question says less, since they also ask again when they waited long.
   */
  askedAgain(channel: Channel): void {
    const [oldest] = this.#onTheWay.get(channel)?.keys() ?? [];
    if (oldest !== undefined) this.#arrived(channel, oldest);
  }

  /** The other side does not take a piece that went out, and will not tell of it. */
  refused(channel: Channel, pieceIndex: number): void {
    this.#arrived(channel, pieceIndex);
  }

  /** A channel is closed. @returns its pieces that held a place; the caller frees them. */
  left(channel: Channel): readonly number[] {
    this.#count -= this.#onTheWay.get(channel)?.size ?? 0;
    this.#onTheWay.delete(channel);
    const gone = this.#held.filter((held) => held.channel === channel);
    this.#held = this.#held.filter((held) => held.channel !== channel);
    this.#release();
    return gone.map((held) => held.pieceIndex);
  }

  /** Gives up pieces that are not told of for too long. To be called now and then. */
  tick(nowMs: number): void {
    for (const [channel, pieces] of this.#onTheWay) {
      for (const [pieceIndex, takenMs] of pieces) {
        if (nowMs - takenMs > GIVE_UP_MS) this.#arrived(channel, pieceIndex);
      }
    }
  }

  #arrived(channel: Channel, pieceIndex: number): void {
    const pieces = this.#onTheWay.get(channel);
    if (pieces?.delete(pieceIndex) !== true) return;
    if (pieces.size === 0) this.#onTheWay.delete(channel);
    this.#count -= 1;
    const at = this.#held.findIndex((held) => held.channel === channel && held.pieceIndex === pieceIndex);
    if (at >= 0) {
      this.#held.splice(at, 1);
      this.#served(channel, pieceIndex);
    }
    this.#release();
  }

  #release(): void {
    while (this.#held.length > 0 && this.#count - this.#held.length < this.#ahead) {
      const next = this.#held.shift();
      if (next !== undefined) this.#served(next.channel, next.pieceIndex);
    }
  }
}
