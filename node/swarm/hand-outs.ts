// Our side of the blobs that are whole here and given away: one hand-out per blob that is being downloaded from here, a bounded number
// of pieces under way over all of them.

import type { Digest } from '../../shared/oci/digest.ts';
import type { BlobChannel } from './blob-channel.ts';
import { HAND_OUT_PLACES, PieceHandOut, creditLimit } from './scheduler/piece-hand-out.ts';

interface BlobHandOut {
  readonly policy: PieceHandOut;
  readonly channels: Map<number, BlobChannel>;
  offeredCredits: number;
  wasPassOver: boolean;
}

export class HandOuts {
  readonly #give: (channel: BlobChannel, pieceIndex: number) => boolean;
  readonly #blobs = new Map<Digest, BlobHandOut>();
  /** The policy knows nodes by number. */
  readonly #ids = new WeakMap<BlobChannel, number>();
  #lastId = 0;
  #activeCount = 0;
  #nextTurn = 0;

  /** @param deps.give queues a piece for sending; it answers with `served` later. */
  constructor(deps: { readonly give: (channel: BlobChannel, pieceIndex: number) => boolean }) {
    this.#give = deps.give;
  }

  /** A node without the whole blob opened a channel to us. Offers it credits. */
  joined(channel: BlobChannel): void {
    const blob = this.#blobs.get(channel.digest) ?? this.#begin(channel);
    blob.channels.set(this.#idOf(channel), channel);
    blob.policy.nodeJoined(this.#idOf(channel));
    channel.isHandOut = true;
    const has = channel.remoteHas;
    if (has !== undefined) {
      for (let piece = has.next(0); piece >= 0; piece = has.next(piece + 1))
        blob.policy.nodeHas(this.#idOf(channel), piece);
    }
    this.#offer(blob, [channel]);
    this.#serve();
  }

  left(channel: BlobChannel): void {
    const blob = this.#blobs.get(channel.digest);
    if (blob === undefined || !blob.channels.delete(this.#idOf(channel))) return;
    blob.policy.nodeLeft(this.#idOf(channel));
    channel.isHandOut = false;
    if (blob.channels.size === 0) this.#blobs.delete(channel.digest);
    else this.#offer(blob, []);
    this.#serve();
  }

  has(channel: BlobChannel, pieceIndex: number): void {
    this.#blobs.get(channel.digest)?.policy.nodeHas(this.#idOf(channel), pieceIndex);
  }

  asked(channel: BlobChannel): void {
    const blob = this.#blobs.get(channel.digest);
    blob?.policy.creditAsked(this.#idOf(channel), Math.max(blob.offeredCredits, creditLimitOf(blob, channel)));
    this.#serve();
  }

  /** A given piece left the queue of its neighbour. @param channel undefined when it is closed. */
  served(channel: BlobChannel | undefined, pieceIndex: number, isSent: boolean): void {
    this.#activeCount -= 1;
    if (channel !== undefined && !isSent) {
      this.#blobs.get(channel.digest)?.policy.giveFailed(this.#idOf(channel), pieceIndex);
    }
    this.#serve();
  }

  /** Looks again at credits that could not be served before: holders come and go. */
  tick(): void {
    this.#serve();
  }

  #idOf(channel: BlobChannel): number {
    let id = this.#ids.get(channel);
    if (id === undefined) {
      id = ++this.#lastId;
      this.#ids.set(channel, id);
    }
    return id;
  }

  #begin(channel: BlobChannel): BlobHandOut {
    const pieceCount = Math.ceil(channel.cut.sizeBytes / channel.cut.pieceBytes);
    const blob = {
      policy: new PieceHandOut({ pieceCount }),
      channels: new Map<number, BlobChannel>(),
      offeredCredits: 0,
      wasPassOver: false,
    };
    this.#blobs.set(channel.digest, blob);
    return blob;
  }

  /** Fills the free places, blob by blob in turn. */
  #serve(): void {
    const blobs = [...this.#blobs.values()];
    let idle = 0;
    while (this.#activeCount < HAND_OUT_PLACES && idle < blobs.length) {
      const blob = blobs[this.#nextTurn++ % blobs.length];
      const given = blob?.policy.next();
      const channel = given === undefined ? undefined : blob?.channels.get(given.node);
      if (blob === undefined || given === undefined || channel === undefined) {
        idle += 1;
        continue;
      }
      idle = 0;
      this.#activeCount += 1;
      if (!this.#give(channel, given.pieceIndex)) {
        // It asked for this very piece by number and will have it: its credit is still open.
        this.#activeCount -= 1;
        blob.policy.creditAsked(given.node, blob.offeredCredits);
      }
      this.#offer(blob, []);
    }
  }

  /** Tells new channels, and all of them when something changed, how many credits to keep open. */
  #offer(blob: BlobHandOut, added: readonly BlobChannel[]): void {
    const [first] = blob.channels.values();
    if (first === undefined) return;
    const credits = creditLimitOf(blob, first);
    const { isPassOver } = blob.policy;
    const isChanged = credits !== blob.offeredCredits || isPassOver !== blob.wasPassOver;
    blob.offeredCredits = credits;
    blob.wasPassOver = isPassOver;
    for (const channel of isChanged ? blob.channels.values() : added) {
      channel.connection.send({ type: 'offer', channel: channel.localNumber, credits, isPassOver });
    }
  }
}

function creditLimitOf(blob: BlobHandOut, channel: BlobChannel): number {
  return creditLimit({ nodeCount: blob.policy.nodeCount, pieceBytes: channel.cut.pieceBytes });
}
