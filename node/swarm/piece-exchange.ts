// Carries out what the scheduler decides for one download: turns its decisions into frames, and frames into events for it.

import type { DataPlace } from '../../shared/protocol/peer-frames.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import type { PartialBlob, PieceBuffer } from '../content/blob-store.ts';
import type { PeerTally } from '../pulls/peer-tally.ts';
import type { PullRecord } from '../pulls/pull-record.ts';
import { AskingRoom, type AskingRoomDeps } from './asking-room.ts';
import type { BlobChannel } from './blob-channel.ts';
import { EarlyBlocks } from './early-bytes.ts';
import { Foreteller, type ForetellerOwner } from './foreteller.ts';
import { PieceAssembly } from './piece-assembly.ts';
import { NeighbourLimits, type Standing } from './scheduler/neighbour-limits.ts';
import { pipelineDepth } from './scheduler/pipeline-depth.ts';
import type { PieceNeeds } from './scheduler/piece-needs.ts';
import { PieceScheduler, type SchedulerActions } from './scheduler/piece-scheduler.ts';
import { PieceSet } from './scheduler/piece-set.ts';
import type { SharedBlob } from './shared-blob.ts';

/** What an exchange tells its owner. */
export interface ExchangeOwner extends ForetellerOwner {
  /** A piece was checked, and may be given away. */
  verified(pieceIndex: number, channel: BlobChannel): void;
  /** A neighbour sent bytes with a wrong hash. */
  badPiece(channel: BlobChannel, pieceIndex: number): void;
  stalled(channel: BlobChannel): void;
  /** Some classes of pieces come into this zone much later than the others. */
  lagging(classes: readonly number[]): void;
  /** Pieces come here much more slowly than to the neighbours. */
  fellBehind(): void;
  /** What the coordinator said of a node. */
  standingOf(nodeId: string): Standing;
  complete(): void;
  /** Pieces cannot be kept, for example because the disk is full. */
  failed(error: unknown): void;
}

export interface ExchangeOptions {
  /** What this host's link carries; only the depth of pipelines follows from it. */
  readonly linkBytesPerSecond: number;
}

interface Slot {
  readonly channel: BlobChannel;
  readonly assemblies: Map<number, PieceAssembly>;
  readonly tally: PeerTally;
}

/** How often deadlines and the depth of pipelines are checked. */
const TICK_MS = 100;

export class PieceExchange {
  readonly #partial: PartialBlob;
  readonly #blob: SharedBlob;
  readonly #clock: Clock;
  readonly #owner: ExchangeOwner;
  readonly #options: ExchangeOptions;
  readonly #scheduler: PieceScheduler;
  readonly #record: PullRecord;
  /** Pieces that some peer was asked for, at least once. */
  readonly #askedOnce: PieceSet;
  /** Neighbours by the number that the scheduler knows them by; freed numbers are used again. */
  readonly #slots: Array<Slot | undefined> = [];
  readonly #numbers = new Map<BlobChannel, number>();
  readonly #limits: NeighbourLimits;
  readonly #foreteller: Foreteller;
  readonly #earlyBlocks = new EarlyBlocks();
  readonly #room: AskingRoom;
  readonly #verifying = new Set<Promise<void>>();
  #timer: Scheduled | undefined;
  #isStopped = false;
  /** True while only some of the pieces are needed. */
  #isPartial = false;
  lastByteMs: number;
  #lastAnnounceMs: number;
  /** Payload that came from other zones, of use or not. */
  otherZoneBytes = 0;

  constructor(
    deps: {
      readonly partial: PartialBlob;
      readonly blob: SharedBlob;
      readonly clock: Clock;
      readonly random: () => number;
      readonly owner: ExchangeOwner;
      /** What says whether pieces may be asked for. */
      readonly room: Pick<AskingRoomDeps, 'limiter' | 'share' | 'priority'>;
      /** Told who did what. */
      readonly record: PullRecord;
    },
    options: ExchangeOptions,
  ) {
    this.#partial = deps.partial;
    this.#blob = deps.blob;
    this.#clock = deps.clock;
    this.#owner = deps.owner;
    this.#foreteller = new Foreteller(deps.owner);
    this.#options = options;
    this.lastByteMs = deps.clock.nowMs();
    this.#lastAnnounceMs = this.lastByteMs;
    const { pieceCount } = deps.blob;
    this.#record = deps.record;
    this.#askedOnce = new PieceSet(pieceCount);
    const roomAgain = (): void => this.#scheduler.roomAgain(this.#clock.nowMs());
    const { pieceBytes } = deps.blob.cut;
    this.#room = new AskingRoom({ ...deps.room, clock: deps.clock, roomAgain }, { pieceBytes });
    const mayAsk = (number: number): boolean => this.#room.mayAsk(this.#isFar(number));
    this.#scheduler = new PieceScheduler(this.#actions(), { pieceCount, depth: 2, random: deps.random, mayAsk });
    this.#limits = new NeighbourLimits(
      {
        setShare: (number, share) => this.#scheduler.setShare(number, share, this.#clock.nowMs()),
        lagging: (classes) => this.#owner.lagging(classes),
      },
      { pieceCount },
    );
    for (let piece = deps.blob.has.next(0); piece >= 0; piece = deps.blob.has.next(piece + 1)) {
      this.#scheduler.pieceKept(piece);
      this.#limits.pieceHere(piece);
    }
    this.#tick();
  }

  /** Channels whose other side answered. */
  get neighbourCount(): number {
    return this.#numbers.size;
  }

  /** Pieces are not asked for because of a cap. */
  get isHeldBack(): boolean {
    return this.#room.isHeldBack;
  }

  uses(channel: BlobChannel): boolean {
    return this.#numbers.has(channel);
  }

  /** Where clients read, as piece numbers. */
  setReaders(pieces: readonly number[]): void {
    this.#scheduler.setReaders(pieces);
  }

  /** What is to be fetched; undefined for everything alike. */
  setNeeds(needs: PieceNeeds | undefined): void {
    this.#isPartial = needs?.rest === 'unwanted';
    if (!this.#isStopped) this.#scheduler.setNeeds(needs, this.#clock.nowMs());
  }

  /** The other side opened the channel: pieces may come from there. */
  channelOpened(channel: BlobChannel): void {
    if (this.#isStopped || this.#numbers.has(channel)) return;
    let number = this.#slots.indexOf(undefined);
    if (number < 0) number = this.#slots.length;
    const { peerId, transport } = channel.connection;
    this.#slots[number] = { channel, assemblies: new Map(), tally: this.#record.peer(peerId, transport) };
    this.#numbers.set(channel, number);
    this.#scheduler.neighbourAdded(number, this.#clock.nowMs(), channel.connection.pipeline);
    const where = channel.connection.isToOtherZone ? 'other zone' : 'own zone';
    this.#limits.neighbourAdded(number, where, this.#owner.standingOf(peerId));
    this.#lookAtRoundTrips();
    if (channel.remoteHas !== undefined) this.channelPieces(channel);
  }

  /** What the coordinator said of nodes changed. */
  renamed(): void {
    for (const [{ connection }, number] of this.#numbers) {
      this.#limits.renamed(number, this.#owner.standingOf(connection.peerId));
    }
  }

  channelPieces(channel: BlobChannel): void {
    const number = this.#numbers.get(channel);
    if (number === undefined || channel.remoteHas === undefined) return;
    this.#lastAnnounceMs = this.#clock.nowMs();
    this.#scheduler.neighbourPieces(number, channel.remoteHas.copy(), this.#lastAnnounceMs);
  }

  channelHas(channel: BlobChannel, pieceIndex: number): void {
    const number = this.#numbers.get(channel);
    if (number === undefined) return;
    this.#lastAnnounceMs = this.#clock.nowMs();
    this.#scheduler.neighbourHas(number, pieceIndex, this.#lastAnnounceMs);
  }

  channelOffers(channel: BlobChannel, offer: { readonly credits: number; readonly isPassOver: boolean }): void {
    const number = this.#numbers.get(channel);
    if (number !== undefined) this.#scheduler.neighbourOffers(number, offer, this.#clock.nowMs());
  }

  /** A neighbour will not send a piece that it was asked for, or takes back that it has one. */
  rejected(channel: BlobChannel, pieceIndex: number): void {
    const number = this.#numbers.get(channel);
    if (number === undefined) return;
    this.#abandon(number, pieceIndex);
    if (this.#scheduler.isAsked(number, pieceIndex)) {
      this.#slots[number]?.tally.refused();
      this.#room.giveBack(this.#isFar(number));
    }
    this.#scheduler.requestRejected(number, pieceIndex, this.#clock.nowMs());
  }

  channelClosed(channel: BlobChannel): void {
    const number = this.#numbers.get(channel);
    if (number === undefined) return;
    this.#numbers.delete(channel);
    const nowMs = this.#clock.nowMs();
    const slot = this.#slots[number];
    if (slot !== undefined && slot.assemblies.size > 0) slot.tally.lost(nowMs);
    for (const pieceIndex of slot?.assemblies.keys() ?? []) this.#abandon(number, pieceIndex);
    this.#slots[number] = undefined;
    this.#scheduler.neighbourGone(number, nowMs);
    this.#limits.neighbourGone(number);
  }

  /** @throws {AppError} `message_invalid` when the payload does not fit. */
  data(channel: BlobChannel, place: DataPlace, bytes: Uint8Array): void {
    const nowMs = this.#clock.nowMs();
    const number = this.#numbers.get(channel);
    const slot = number === undefined ? undefined : this.#slots[number];
    if (number === undefined || slot === undefined) {
      channel.connection.discarded(bytes.byteLength);
      return;
    }
    this.lastByteMs = nowMs;
    slot.tally.received(bytes.byteLength, nowMs);
    if (channel.connection.isToOtherZone) this.otherZoneBytes += bytes.byteLength;
    this.#scheduler.bytesArrived(number, nowMs);
    // A piece that was cancelled and asked for again starts anew: what came of it before is worth nothing.
    if (place.offset === 0) this.#abandon(number, place.pieceIndex);
    const assembly = slot.assemblies.get(place.pieceIndex) ?? this.#begin(number, slot, place);
    if (assembly === undefined) {
      channel.connection.discarded(bytes.byteLength);
      return;
    }
    const isWhole = assembly.add(place.offset, bytes);
    this.#foreteller.came(assembly, bytes.byteLength, nowMs);
    if (!isWhole) return;
    slot.assemblies.delete(place.pieceIndex);
    this.#scheduler.pieceArrived(number, place.pieceIndex, nowMs);
  }

  /** Ends all requests; channels stay for others to use. Resolves when no piece is being written any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#room.stop();
    for (const [channel, number] of [...this.#numbers]) {
      for (const pieceIndex of this.#slots[number]?.assemblies.keys() ?? []) {
        channel.connection.send({ type: 'cancel', channel: channel.localNumber, pieceIndex });
      }
      this.channelClosed(channel);
    }
    await Promise.allSettled(this.#verifying);
  }

  /** A piece starts. Late bytes of one that was cancelled, and what nobody asked for, start nothing. */
  #begin(number: number, slot: Slot, place: DataPlace): PieceAssembly | undefined {
    const { channel, assemblies } = slot;
    const { pieceIndex } = place;
    if (place.offset !== 0 || pieceIndex >= this.#blob.pieceCount) return undefined;
    if (!this.#scheduler.isAsked(number, pieceIndex)) {
      if (!this.#scheduler.creditStarted(number, pieceIndex, this.#clock.nowMs())) {
        channel.connection.send({ type: 'cancel', channel: channel.localNumber, pieceIndex });
        return undefined;
      }
      slot.tally.asked({ isAgain: !this.#askedOnce.add(pieceIndex) });
    }
    const assembly = new PieceAssembly({
      pieceIndex,
      pieceBytes: this.#blob.pieceLength(pieceIndex),
      blocks: this.#earlyBlocks,
      acquire: (signal) => this.#partial.acquireBuffer(pieceIndex, signal),
      consumed: (bytes) => channel.connection.consumed(bytes),
      filled: (buffer) => this.#track(this.#verify(slot, buffer)),
      failed: (error) => this.#owner.failed(error),
    });
    assemblies.set(pieceIndex, assembly);
    return assembly;
  }

  #track(verification: Promise<void>): void {
    this.#verifying.add(verification);
    void verification.finally(() => this.#verifying.delete(verification));
  }

  async #verify(slot: Slot, buffer: PieceBuffer): Promise<void> {
    const { pieceIndex } = buffer;
    let isGood: boolean;
    try {
      isGood = this.#isStopped ? false : await this.#partial.writePiece(buffer, () => this.#verified(slot, pieceIndex));
    } catch (error) {
      if (!this.#isStopped) this.#owner.failed(error);
      return;
    } finally {
      buffer.release();
    }
    if (this.#isStopped) return;
    if (!isGood) {
      slot.tally.wrong();
      this.#foreteller.gone(pieceIndex);
      this.#scheduler.pieceBad(pieceIndex, this.#clock.nowMs());
      this.#owner.badPiece(slot.channel, pieceIndex);
      return;
    }
    if (this.#scheduler.isComplete) this.#owner.complete();
  }

  /** A piece is right and may be read and given away, while it is being written. */
  #verified({ channel, tally }: Slot, pieceIndex: number): void {
    if (this.#isStopped) return;
    this.#scheduler.pieceVerified(pieceIndex);
    this.#foreteller.verified(pieceIndex);
    this.#limits.pieceHere(pieceIndex);
    if (this.#blob.has.add(pieceIndex)) {
      tally.verified(this.#blob.pieceLength(pieceIndex));
      this.#owner.verified(pieceIndex, channel);
    }
  }

  #actions(): SchedulerActions {
    const channelOf = (number: number): BlobChannel | undefined => this.#slots[number]?.channel;
    return {
      request: (number, pieceIndex) => {
        const channel = channelOf(number);
        this.#slots[number]?.tally.asked({ isAgain: !this.#askedOnce.add(pieceIndex) });
        channel?.connection.send({ type: 'request', channel: channel.localNumber, pieceIndex });
      },
      requestAny: (number) => {
        const channel = channelOf(number);
        channel?.connection.send({ type: 'any-piece', channel: channel.localNumber });
      },
      cancel: (number, pieceIndex) => {
        const channel = channelOf(number);
        this.#abandon(number, pieceIndex);
        channel?.connection.send({ type: 'cancel', channel: channel.localNumber, pieceIndex });
      },
      stalled: (number) => {
        const slot = this.#slots[number];
        if (slot === undefined) return;
        slot.tally.stalled(this.#clock.nowMs());
        this.#owner.stalled(slot.channel);
      },
    };
  }

  #abandon(number: number, pieceIndex: number): void {
    const assemblies = this.#slots[number]?.assemblies;
    const assembly = assemblies?.get(pieceIndex);
    assembly?.abandon();
    assemblies?.delete(pieceIndex);
    if (assembly !== undefined && !this.#isComing(pieceIndex)) this.#foreteller.gone(pieceIndex);
  }

  /** Some neighbour is sending a piece, or did. */
  #isComing(pieceIndex: number): boolean {
    return this.#scheduler.isHere(pieceIndex) || this.#slots.some((slot) => slot?.assemblies.has(pieceIndex));
  }

  #hasOtherZoneMore(): boolean {
    for (const { connection, remoteHas } of this.#numbers.keys()) {
      if (!connection.isToOtherZone || remoteHas === undefined) continue;
      for (let piece = remoteHas.next(0); piece >= 0; piece = remoteHas.next(piece + 1)) {
        if (!this.#blob.has.has(piece)) return true;
      }
    }
    return false;
  }

  #lookAtRoundTrips(): void {
    this.#foreteller.measured([...this.#numbers.keys()].map(({ connection }) => connection.roundTripMs));
    for (const [channel, number] of this.#numbers) {
      const depth = pipelineDepth({
        bytesPerSecond: this.#options.linkBytesPerSecond,
        roundTripMs: channel.connection.roundTripMs,
        neighbours: this.#numbers.size,
        pieceBytes: this.#blob.cut.pieceBytes,
      });
      this.#scheduler.setDepth(number, depth);
    }
  }

  #isFar(number: number): boolean {
    return this.#slots[number]?.channel.connection.isToOtherZone ?? false;
  }

  #tick(): void {
    if (this.#isStopped) return;
    const nowMs = this.#clock.nowMs();
    this.#lookAtRoundTrips();
    this.#foreteller.look(nowMs);
    const noBytesMs = nowMs - this.lastByteMs;
    const silentMs = Math.min(noBytesMs, nowMs - this.#lastAnnounceMs);
    const hasMore = (): boolean => this.#hasOtherZoneMore();
    this.#limits.tick({ isPartial: this.#isPartial, silentMs, noBytesMs, hasMore }, nowMs);
    this.#scheduler.tick(nowMs);
    if (this.#scheduler.fellBehind(nowMs)) this.#owner.fellBehind();
    // What came while this host itself stood still lies in its sockets, and is read first: its senders are not late.
    this.#timer = this.#clock.schedule(TICK_MS, () => setImmediate(() => this.#tick()));
  }
}
