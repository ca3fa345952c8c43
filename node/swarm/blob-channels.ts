// All blobs on all connections: opens and closes channels, gives the frames of each to the download or the uploader that they are
// for, and tells peers what arrived.

import type { Digest } from '../../shared/oci/digest.ts';
import { Bitfield } from '../../shared/pieces/bitfield.ts';
import { pieceBytesFor, pieceCount } from '../../shared/pieces/piece-table.ts';
import { invalid } from '../../shared/protocol/peer-frame-body.ts';
import { type DataPlace, type PeerFrame, type Refusal } from '../../shared/protocol/peer-frames.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { BlobChannel } from './blob-channel.ts';
import type { PeerConnection } from './peer-connection.ts';
import { HandOutDesk } from './hand-out-desk.ts';
import { PeerUploader } from './peer-uploader.ts';
import type { PieceExchange } from './piece-exchange.ts';
import { ReadBuffers } from './read-buffers.ts';
import { mayForetell } from './scheduler/foretold-pieces.ts';
import { PieceSet } from './scheduler/piece-set.ts';
import type { BlobCut, SharedBlob } from './shared-blob.ts';
import type { SharedBlobs } from './shared-blobs.ts';
import type { TransferLimiter } from './transfer-limiter.ts';

/** Blobs that are open on one connection; more are refused. Some images of 40 layers at a time. */
const MAX_CHANNELS = 512;

/** Frames about a channel that exists. */
type ChannelFrame = Extract<PeerFrame, { readonly channel: number }>;

interface Connected {
  readonly byLocal: Map<number, BlobChannel>;
  readonly byRemote: Map<number, BlobChannel>;
  readonly byDigest: Map<Digest, BlobChannel>;
  readonly uploader: PeerUploader<BlobChannel>;
  lastNumber: number;
}

export interface BlobChannelsDeps {
  readonly blobs: SharedBlobs;
  readonly clock: Clock;
  readonly log: Logger;
  /** The running download of a digest, if there is one that wants something of this peer. */
  readonly exchangeOf: (digest: Digest, peerId: string) => PieceExchange | undefined;
  /** The other side does not have it, or no more: our download looks elsewhere for a while. */
  readonly refused: (channel: BlobChannel, reason: Refusal) => void;
  readonly becameIdle: (connection: PeerConnection) => void;
  readonly sent: (connection: PeerConnection, bytes: number) => void;
  /** The caps on what this node sends. */
  readonly uploads: TransferLimiter;
}

export class BlobChannels {
  readonly #deps: BlobChannelsDeps;
  readonly #connected = new Map<PeerConnection, Connected>();
  readonly #byDigest = new Map<Digest, Set<BlobChannel>>();
  readonly #buffers = new ReadBuffers();
  readonly #handOuts: HandOutDesk;
  #announcing = new Set<BlobChannel>();

  constructor(deps: BlobChannelsDeps) {
    this.#deps = deps;
    this.#handOuts = new HandOutDesk({
      clock: deps.clock,
      give: (channel, pieceIndex) =>
        this.#of(channel.connection).uploader.add({ channel: channel.localNumber, pieceIndex, isByCredit: true }),
    });
  }

  /** Pieces that peers wait for, over all connections. */
  get queuedUploads(): number {
    let queued = 0;
    for (const connected of this.#connected.values()) queued += connected.uploader.queueLength;
    return queued;
  }

  isBusy(connection: PeerConnection): boolean {
    return (this.#connected.get(connection)?.byDigest.size ?? 0) > 0;
  }

  /** Opens a blob on a connection for our download, or takes the channel that is there. */
  openFor(connection: PeerConnection, blob: SharedBlob, exchange: PieceExchange): BlobChannel {
    const existing = this.#of(connection).byDigest.get(blob.cut.digest);
    const channel = existing ?? this.#add(connection, blob.cut);
    channel.exchange = exchange;
    if (channel.blob === undefined) {
      channel.blob = blob;
      this.#deps.blobs.retain(blob);
      this.#sayOpen(channel);
    }
    if (channel.remoteNumber !== undefined) exchange.channelOpened(channel);
    return channel;
  }

  /**
   * Tells every peer on this blob that a piece was verified, at the end of this turn (scheduler/have-news.ts). Who heard of it
   * before and asked for it gets it.
   */
  announce(digest: Digest, pieceIndex: number): void {
    for (const channel of this.#byDigest.get(digest) ?? []) {
      if (channel.blob?.isConfirmed !== true) continue;
      const before = channel.foretold.over(pieceIndex);
      if (before === 'asked') this.#onRequest(this.#of(channel.connection), channel, pieceIndex);
      if (before === undefined || channel.isOffering) this.#tell(channel, pieceIndex);
    }
  }

  /** Tells peers of a piece that will be here in a moment (scheduler/foretold-pieces.ts). */
  foretell(digest: Digest, pieceIndex: number): void {
    for (const channel of this.#byDigest.get(digest) ?? []) {
      const { blob, foretold, remoteHas, isOffering } = channel;
      if (blob?.isConfirmed !== true || blob.has.has(pieceIndex)) continue;
      const askedCount = this.#of(channel.connection).uploader.queueLength + foretold.askedCount;
      const peer = { remoteHas, isOffering, askedCount };
      if (!mayForetell(peer, pieceIndex, { has: blob.has, foretoldCount: foretold.count })) continue;
      foretold.tell(pieceIndex);
      this.#tell(channel, pieceIndex);
    }
  }

  /** A piece that was foretold does not come for now: who heard of it, and may have asked for it, has to look elsewhere. */
  retract(digest: Digest, pieceIndex: number): void {
    for (const channel of this.#byDigest.get(digest) ?? []) {
      if (channel.foretold.over(pieceIndex) !== undefined) this.#reject(channel, pieceIndex);
    }
  }

  /** A download ended. With its blob whole, channels live on to give it away; otherwise they are closed. */
  exchangeEnded(digest: Digest, outcome: 'whole' | 'failed'): void {
    for (const channel of [...(this.#byDigest.get(digest) ?? [])]) {
      channel.exchange = undefined;
      if (outcome === 'failed') this.close(channel);
      else this.#closeIfDone(channel);
    }
  }

  /** Stops giving a blob away. */
  withdraw(digest: Digest): void {
    for (const channel of [...(this.#byDigest.get(digest) ?? [])]) this.close(channel);
  }

  close(channel: BlobChannel): void {
    if (channel.isClosed) return;
    channel.connection.send({ type: 'close-channel', channel: channel.localNumber });
    this.#drop(channel);
  }

  closed(connection: PeerConnection): void {
    const connected = this.#connected.get(connection);
    if (connected === undefined) return;
    for (const channel of [...connected.byDigest.values()]) this.#drop(channel);
    this.#connected.delete(connection);
  }

  data(connection: PeerConnection, place: DataPlace, bytes: Uint8Array): void {
    const channel = this.#of(connection).byRemote.get(place.channel);
    if (channel?.exchange === undefined) connection.discarded(bytes.byteLength);
    else channel.exchange.data(channel, place, bytes);
  }

  /** @throws {AppError} `message_invalid` when the peer breaks the protocol. */
  frame(connection: PeerConnection, frame: ChannelFrame): void {
    if (frame.type === 'open-channel') return this.#onOpen(connection, frame);
    const connected = this.#of(connection);
    const isAboutOurs = frame.type === 'refuse-channel';
    const channel = (isAboutOurs ? connected.byLocal : connected.byRemote).get(frame.channel);
    // Frames that crossed a close on the way are nobody's fault.
    if (channel !== undefined) this.#onChannelFrame(connected, channel, frame);
  }

  #onChannelFrame(
    connected: Connected,
    channel: BlobChannel,
    frame: Exclude<ChannelFrame, { type: 'open-channel' }>,
  ): void {
    switch (frame.type) {
      case 'refuse-channel':
        this.#deps.refused(channel, frame.reason);
        return this.#drop(channel);
      case 'close-channel':
        this.#deps.refused(channel, 'not_here');
        return this.close(channel);
      case 'bitfield':
        return this.#onBitfield(channel, frame.bits);
      case 'have':
        for (const run of frame.runs) this.#onHave(channel, run);
        return this.#closeIfDone(channel);
      case 'offer':
        channel.isOffering = frame.credits > 0;
        return channel.exchange?.channelOffers(channel, frame);
      case 'request':
        return this.#onRequest(connected, channel, frame.pieceIndex);
      case 'any-piece':
        return this.#handOuts.anyPiece(channel);
      case 'cancel':
        return this.#onCancel(connected, channel, frame.pieceIndex);
      case 'reject':
        channel.remoteHas?.remove(frame.pieceIndex);
        return channel.exchange?.rejected(channel, frame.pieceIndex);
      default: {
        const never: never = frame;
        return never;
      }
    }
  }

  #onOpen(connection: PeerConnection, frame: Extract<PeerFrame, { type: 'open-channel' }>): void {
    const connected = this.#of(connection);
    const { channel: remoteNumber, digest, sizeBytes, pieceBytes } = frame;
    const existing = connected.byDigest.get(digest);
    if (connected.byRemote.has(remoteNumber) || existing?.remoteNumber !== undefined) {
      throw invalid('channel opened twice');
    }
    if (pieceBytes !== pieceBytesFor(sizeBytes)) throw invalid('channel with another cut', { sizeBytes, pieceBytes });
    if (connected.byDigest.size >= MAX_CHANNELS) {
      connection.send({ type: 'refuse-channel', channel: remoteNumber, reason: 'busy' });
      return;
    }
    const channel = existing ?? this.#add(connection, { digest, sizeBytes, pieceBytes });
    channel.remoteNumber = remoteNumber;
    connected.byRemote.set(remoteNumber, channel);
    if (channel.cut.sizeBytes !== sizeBytes) return this.#refuse(channel, 'mismatch');
    if (existing === undefined) void this.#answerOpen(channel);
    else channel.exchange?.channelOpened(channel);
  }

  /** Another node opened a channel: says what is here, or that nothing is. */
  async #answerOpen(channel: BlobChannel): Promise<void> {
    const { blobs, log } = this.#deps;
    let blob: SharedBlob | undefined;
    try {
      blob = await blobs.acquire(channel.digest);
    } catch (error) {
      log.error({ err: error, digest: channel.digest }, 'a blob could not be opened for a peer');
    }
    // A download of ours may have opened its own side meanwhile, or the channel may be gone.
    const isAnswered = channel.isClosed || channel.blob !== undefined;
    if (blob === undefined) {
      if (!isAnswered) this.#refuse(channel, 'not_here');
      return;
    }
    if (isAnswered) return blobs.release(blob);
    channel.blob = blob;
    if (!blob.isConfirmed) return this.#refuse(channel, 'not_here');
    if (blob.cut.sizeBytes !== channel.cut.sizeBytes) return this.#refuse(channel, 'mismatch');
    channel.exchange ??= this.#deps.exchangeOf(channel.digest, channel.connection.peerId);
    this.#sayOpen(channel);
    channel.exchange?.channelOpened(channel);
    this.#closeIfDone(channel);
  }

  #sayOpen(channel: BlobChannel): void {
    const { connection, localNumber, cut, blob } = channel;
    connection.send({ type: 'open-channel', channel: localNumber, ...cut });
    if (blob === undefined) return;
    // The offer goes first: a node that saw only the bitfield would ask for pieces by number. One in another zone is to do
    // so, since it may ask for its share alone, and what it gets is of no use to those here.
    const isOffered = blob.isWhole && !connection.isToOtherZone && channel.remoteHas?.isComplete !== true;
    if (isOffered) this.#handOuts.joined(channel);
    const given = blob.isConfirmed ? blob.has : new PieceSet(blob.pieceCount);
    const bits = given.isComplete ? undefined : bitsOf(given);
    connection.send({ type: 'bitfield', channel: localNumber, bits });
  }

  #onBitfield(channel: BlobChannel, bits: Uint8Array | undefined): void {
    if (channel.remoteHas !== undefined) throw invalid('bitfield came twice');
    channel.remoteHas = readBits(pieceCount(channel.cut), bits);
    this.#handOuts.hasAll(channel, channel.remoteHas);
    channel.exchange?.channelPieces(channel);
    this.#closeIfDone(channel);
  }

  #onHave(channel: BlobChannel, run: { readonly first: number; readonly count: number }): void {
    const { remoteHas } = channel;
    if (remoteHas === undefined || run.first + run.count > remoteHas.length) throw invalid('have out of range');
    for (let piece = run.first; piece < run.first + run.count; piece += 1) {
      if (!remoteHas.add(piece)) continue;
      this.#handOuts.has(channel, piece);
      channel.exchange?.channelHas(channel, piece);
    }
    this.#handOuts.look(channel);
  }

  #onCancel(connected: Connected, channel: BlobChannel, pieceIndex: number): void {
    if (channel.foretold.cancel(pieceIndex)) return;
    if (!connected.uploader.cancel(channel.localNumber, pieceIndex)) this.#handOuts.cancelled(channel, pieceIndex);
  }

  #onRequest(connected: Connected, channel: BlobChannel, pieceIndex: number): void {
    const { blob, foretold } = channel;
    const isHere = blob?.isConfirmed === true && blob.has.has(pieceIndex);
    const isTaken = isHere
      ? connected.uploader.add({ channel: channel.localNumber, pieceIndex, isByCredit: false })
      : foretold.ask(pieceIndex);
    if (!isTaken) this.#reject(channel, pieceIndex);
  }

  #reject(channel: BlobChannel, pieceIndex: number): void {
    channel.connection.send({ type: 'reject', channel: channel.localNumber, pieceIndex, reason: 'not_here' });
  }

  #refuse(channel: BlobChannel, reason: Refusal): void {
    if (channel.remoteNumber !== undefined) {
      channel.connection.send({ type: 'refuse-channel', channel: channel.remoteNumber, reason });
    }
    this.#drop(channel);
  }

  /** Neither side wants anything of the other any more. */
  #closeIfDone(channel: BlobChannel): void {
    if (channel.exchange === undefined && channel.blob?.isWhole === true && channel.remoteHas?.isComplete === true) {
      this.close(channel);
    }
  }

  #tell(channel: BlobChannel, pieceIndex: number): void {
    if (!channel.noteHave(pieceIndex)) return;
    if (this.#announcing.size === 0) setImmediate(() => this.#sayHave());
    this.#announcing.add(channel);
  }

  #sayHave(): void {
    const channels = this.#announcing;
    this.#announcing = new Set();
    for (const channel of channels) if (!channel.isClosed) channel.announce();
  }

  #add(connection: PeerConnection, cut: BlobCut): BlobChannel {
    const connected = this.#of(connection);
    const channel = new BlobChannel(connection, cut, ++connected.lastNumber);
    connected.byLocal.set(channel.localNumber, channel);
    connected.byDigest.set(cut.digest, channel);
    const same = this.#byDigest.get(cut.digest) ?? new Set();
    this.#byDigest.set(cut.digest, same.add(channel));
    return channel;
  }

  #drop(channel: BlobChannel): void {
    if (channel.isClosed) return;
    channel.isClosed = true;
    const { connection, digest, blob } = channel;
    const connected = this.#of(connection);
    connected.byLocal.delete(channel.localNumber);
    if (channel.remoteNumber !== undefined) connected.byRemote.delete(channel.remoteNumber);
    connected.byDigest.delete(digest);
    const same = this.#byDigest.get(digest);
    same?.delete(channel);
    if (same?.size === 0) this.#byDigest.delete(digest);
    connected.uploader.removeChannel(channel.localNumber);
    this.#handOuts.left(channel);
    channel.exchange?.channelClosed(channel);
    channel.exchange = undefined;
    if (blob !== undefined) void this.#release(blob);
    if (connected.byDigest.size === 0 && connection.isOpen) this.#deps.becameIdle(connection);
  }

  async #release(blob: SharedBlob): Promise<void> {
    try {
      await this.#deps.blobs.release(blob);
    } catch (error) {
      this.#deps.log.warn({ err: error, digest: blob.cut.digest }, 'a blob did not close');
    }
  }

  #of(connection: PeerConnection): Connected {
    let connected = this.#connected.get(connection);
    if (connected !== undefined) return connected;
    const byLocal = new Map<number, BlobChannel>();
    const uploader = new PeerUploader({
      connection,
      clock: this.#deps.clock,
      log: this.#deps.log,
      buffers: this.#buffers,
      limiter: this.#deps.uploads,
      channel: (number) => byLocal.get(number),
      creditServed: (channel, pieceIndex, isSent) => this.#handOuts.served({ connection, channel }, pieceIndex, isSent),
      sent: (bytes) => this.#deps.sent(connection, bytes),
    });
    connected = { byLocal, byRemote: new Map(), byDigest: new Map(), uploader, lastNumber: 0 };
    if (connection.isOpen) this.#connected.set(connection, connected);
    return connected;
  }
}

function bitsOf(has: PieceSet): Uint8Array {
  const field = new Bitfield(has.length);
  for (let piece = has.next(0); piece >= 0; piece = has.next(piece + 1)) field.add(piece);
  return field.toBytes();
}

function readBits(length: number, bits: Uint8Array | undefined): PieceSet {
  if (bits === undefined) return PieceSet.full(length);
  const field = Bitfield.parse(length, bits);
  const has = new PieceSet(length);
  for (let piece = 0; piece < length; piece += 1) if (field.has(piece)) has.add(piece);
  return has;
}
