// Our side of the blobs that are whole here and given away: one hand-out per blob that is being downloaded from here, a bounded number
// of pieces under way over all of them. Pure: it knows a channel by what its owner tells of it.

import type { Digest } from '../../../shared/oci/digest.ts';
import { pieceCount } from '../../../shared/pieces/piece-table.ts';
import { HAND_OUT_PLACES, PieceHandOut, creditLimit } from './piece-hand-out.ts';
import type { PieceSet } from './piece-set.ts';

/** One blob on one connection, as far as a hand-out is concerned. */
export interface HandOutChannel {
  /** What the blobs that go to one node share: its pieces go out one after the other. */
  readonly connection: object;
  readonly digest: Digest;
  readonly cut: { readonly sizeBytes: number; readonly pieceBytes: number };
  /** What the other side said that it has; undefined before its first word. */
  readonly remoteHas: PieceSet | undefined;
  /** Set here: pieces of our choice go out on it. */
  isHandOut: boolean;
}

/** What the other side may ask for: so many pieces of our choice at a time, and whether each was given once. */
export interface HandOutOffer {
  readonly credits: number;
  readonly isPassOver: boolean;
}

interface HandOutsDeps<Channel> {
  /** Queues a piece for sending; it answers with `served` later. @returns false when it is queued there already. */
  readonly give: (channel: Channel, pieceIndex: number) => boolean;
  /** Tells the other side what it may ask for. */
  readonly offer: (channel: Channel, offer: HandOutOffer) => void;
}

interface BlobHandOut<Channel> {
  readonly policy: PieceHandOut;
  readonly pieceBytes: number;
  readonly channels: Map<number, Channel>;
  offered: HandOutOffer;
}

export class HandOuts<Channel extends HandOutChannel> {
  readonly #deps: HandOutsDeps<Channel>;
  readonly #blobs = new Map<Digest, BlobHandOut<Channel>>();
  /** The policy knows nodes by number. */
  readonly #ids = new WeakMap<Channel, number>();
  #lastId = 0;
  /** Pieces under way on each connection. */
  readonly #busy = new Map<object, number>();
  #activeCount = 0;
  #nextTurn = 0;

  constructor(deps: HandOutsDeps<Channel>) {
    this.#deps = deps;
  }

  /** A node without the whole blob opened a channel to us. Offers it credits. */
  joined(channel: Channel): void {
    const blob = this.#blobs.get(channel.digest) ?? this.#begin(channel);
    const id = this.#idOf(channel);
    blob.channels.set(id, channel);
    blob.policy.nodeJoined(id);
    channel.isHandOut = true;
    const has = channel.remoteHas;
    if (has !== undefined) {
      for (let piece = has.next(0); piece >= 0; piece = has.next(piece + 1)) blob.policy.nodeHas(id, piece);
    }
    this.#offer(blob, [channel]);
    this.#serve();
  }

  left(channel: Channel): void {
    const blob = this.#blobs.get(channel.digest);
    if (blob === undefined || !blob.channels.delete(this.#idOf(channel))) return;
    blob.policy.nodeLeft(this.#idOf(channel));
    channel.isHandOut = false;
    if (blob.channels.size === 0) this.#blobs.delete(channel.digest);
    else this.#offer(blob, []);
    this.#serve();
  }

  /** The other side has a piece. Call `tick` after the last of several. */
  has(channel: Channel, pieceIndex: number): void {
    this.#blobs.get(channel.digest)?.policy.nodeHas(this.#idOf(channel), pieceIndex);
  }

  asked(channel: Channel): void {
    const blob = this.#blobs.get(channel.digest);
    blob?.policy.creditAsked(this.#idOf(channel), Math.max(blob.offered.credits, creditLimitOf(blob)));
    this.#serve();
  }

  /** A given piece left the queue of its neighbour. @param from.channel undefined when it is closed. */
  served(
    from: { readonly connection: object; readonly channel: Channel | undefined },
    pieceIndex: number,
    isSent: boolean,
  ): void {
    const { connection, channel } = from;
    this.#activeCount -= 1;
    const under = (this.#busy.get(connection) ?? 1) - 1;
    if (under === 0) this.#busy.delete(connection);
    else this.#busy.set(connection, under);
    if (channel !== undefined && !isSent) {
      this.#blobs.get(channel.digest)?.policy.giveFailed(this.#idOf(channel), pieceIndex);
    }
    this.#serve();
  }

  /** The other side does not take a piece that went out: it was late, and was given up. It would wait for it for ever. */
  refused(channel: Channel, pieceIndex: number): void {
    this.#blobs.get(channel.digest)?.policy.refused(this.#idOf(channel), pieceIndex);
    this.#serve();
  }

  /** Looks again at credits that could not be served before: holders come and go. */
  tick(): void {
    this.#serve();
  }

  #idOf(channel: Channel): number {
    let id = this.#ids.get(channel);
    if (id === undefined) {
      id = ++this.#lastId;
      this.#ids.set(channel, id);
    }
    return id;
  }

  #begin(channel: Channel): BlobHandOut<Channel> {
    const blob = {
      policy: new PieceHandOut({ pieceCount: pieceCount(channel.cut) }),
      pieceBytes: channel.cut.pieceBytes,
      channels: new Map<number, Channel>(),
      offered: { credits: 0, isPassOver: false },
    };
    this.#blobs.set(channel.digest, blob);
    return blob;
  }

  /**
   * Fills the free places, blob by blob in turn: first with nodes that get nothing now. Two pieces for one node go one after the
   * other and hold two places, so no node has more than one blob alone would let it have.
   */
  #serve(): void {
    if (this.#activeCount >= HAND_OUT_PLACES) return;
    const blobs = [...this.#blobs.values()];
    for (const mayBeBusy of [false, true]) {
      for (let idle = 0; this.#activeCount < HAND_OUT_PLACES && idle < blobs.length;) {
        const blob = blobs[this.#nextTurn++ % blobs.length];
        const isServed = blob !== undefined && this.#serveOne(blob, mayBeBusy);
        idle = isServed ? 0 : idle + 1;
      }
    }
  }

  /** Pieces on their way to the node behind a channel, of all blobs. */
  #underWay(channel: Channel | undefined): number {
    return channel === undefined ? 0 : (this.#busy.get(channel.connection) ?? 0);
  }

  /** @returns false when the blob has nothing to give to those who may be served. */
  #serveOne(blob: BlobHandOut<Channel>, mayBeBusy: boolean): boolean {
    const limit = mayBeBusy ? blob.offered.credits : 1;
    const given = blob.policy.next((id) => this.#underWay(blob.channels.get(id)) < limit);
    const channel = given === undefined ? undefined : blob.channels.get(given.node);
    if (given === undefined || channel === undefined) return false;
    if (this.#deps.give(channel, given.pieceIndex)) {
      this.#activeCount += 1;
      this.#busy.set(channel.connection, this.#underWay(channel) + 1);
    } else {
      // It asked for this very piece by number and will have it: its credit is still open.
      blob.policy.creditAsked(given.node, blob.offered.credits);
    }
    this.#offer(blob, []);
    return true;
  }

  /** Tells new channels, and all of them when something changed, how many credits to keep open. */
  #offer(blob: BlobHandOut<Channel>, added: readonly Channel[]): void {
    const credits = creditLimitOf(blob);
    const { isPassOver } = blob.policy;
    const isChanged = credits !== blob.offered.credits || isPassOver !== blob.offered.isPassOver;
    if (isChanged) blob.offered = { credits, isPassOver };
    for (const channel of isChanged ? blob.channels.values() : added) this.#deps.offer(channel, blob.offered);
  }
}

function creditLimitOf(blob: { readonly policy: PieceHandOut; readonly pieceBytes: number }): number {
  return creditLimit({ nodeCount: blob.policy.nodeCount, pieceBytes: blob.pieceBytes });
}
