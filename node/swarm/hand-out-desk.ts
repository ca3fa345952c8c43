// The hand-outs of all blobs that are whole here, and what became of each piece that was handed out. What is decided and why is told in
// scheduler/hand-outs.ts and scheduler/deliveries.ts; this one knows the channels and the clock.

import type { Clock } from '../../shared/runtime/clock.ts';
import type { BlobChannel } from './blob-channel.ts';
import type { PeerConnection } from './peer-connection.ts';
import { Deliveries } from './scheduler/deliveries.ts';
import { HandOuts } from './scheduler/hand-outs.ts';
import type { PieceSet } from './scheduler/piece-set.ts';

/** All methods may be called for any channel; those to which nothing is handed out are left alone. */
export class HandOutDesk {
  readonly #clock: Clock;
  readonly #handOuts: HandOuts<BlobChannel>;
  readonly #deliveries: Deliveries<BlobChannel>;

  constructor(deps: {
    readonly clock: Clock;
    /** Queues a piece for sending; `served` is called when it is over. @returns false when it is queued there already. */
    readonly give: (channel: BlobChannel, pieceIndex: number) => boolean;
  }) {
    this.#clock = deps.clock;
    this.#handOuts = new HandOuts({
      give: deps.give,
      offer: (channel, offer) => channel.connection.send({ type: 'offer', channel: channel.localNumber, ...offer }),
    });
    this.#deliveries = new Deliveries({
      served: (channel, pieceIndex) =>
        this.#handOuts.served({ connection: channel.connection, channel }, pieceIndex, true),
    });
  }

  /** Begins to hand out to a peer that lacks pieces. */
  joined(channel: BlobChannel): void {
    this.#handOuts.joined(channel);
  }

  left(channel: BlobChannel): void {
    if (!channel.isHandOut) return;
    const { connection } = channel;
    for (const piece of this.#deliveries.left(channel)) {
      this.#handOuts.served({ connection, channel: undefined }, piece, true);
    }
    this.#handOuts.left(channel);
  }

  /** The first word of a peer on what it has. */
  hasAll(channel: BlobChannel, pieces: PieceSet): void {
    if (!channel.isHandOut) return;
    for (let at = pieces.next(0); at >= 0; at = pieces.next(at + 1)) this.#handOuts.has(channel, at);
  }

  /** A peer has one more piece. To be followed by `look` after the last of several. */
  has(channel: BlobChannel, pieceIndex: number): void {
    if (!channel.isHandOut) return;
    this.#handOuts.has(channel, pieceIndex);
    this.#deliveries.has(channel, pieceIndex, this.#clock.nowMs());
  }

  /** Gives what may be given now. */
  look(channel: BlobChannel): void {
    if (!channel.isHandOut) return;
    this.#deliveries.tick(this.#clock.nowMs());
    this.#handOuts.tick();
  }

  /** A peer asks for a piece of our choice. */
  anyPiece(channel: BlobChannel): void {
    if (!channel.isHandOut) return;
    // A peer whose piece table is provisional tells of no piece.
    if ((channel.remoteHas?.count ?? 0) === 0) this.#deliveries.askedAgain(channel);
    this.#deliveries.tick(this.#clock.nowMs());
    this.#handOuts.asked(channel);
  }

  /** A piece that went out is not taken any more. */
  cancelled(channel: BlobChannel, pieceIndex: number): void {
    if (!channel.isHandOut) return;
    this.#deliveries.refused(channel, pieceIndex);
    this.#handOuts.refused(channel, pieceIndex);
  }

  /** A piece of our choice left the queue of a connection. @param from.channel undefined when it is closed. */
  served(
    from: { readonly connection: PeerConnection; readonly channel: BlobChannel | undefined },
    pieceIndex: number,
    isSent: boolean,
  ): void {
    const { channel } = from;
    const isOnItsWay = isSent && channel?.isHandOut === true && channel.remoteHas?.has(pieceIndex) !== true;
    if (isOnItsWay) this.#deliveries.taken(channel, pieceIndex, this.#clock.nowMs());
    else this.#handOuts.served(from, pieceIndex, isSent);
  }
}
