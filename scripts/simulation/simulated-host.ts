// One host of a simulated fleet: the schedulers, upload queues and hand-outs of the product, with wires for connections.

import { pieceCount, pieceLength } from '../../shared/pieces/piece-table.ts';
import { HandOuts, type HandOutChannel } from '../../node/swarm/scheduler/hand-outs.ts';
import { ForetoldPieces } from '../../node/swarm/scheduler/foretold-pieces.ts';
import { NeighbourLimits, type Standing } from '../../node/swarm/scheduler/neighbour-limits.ts';
import { PeerPipeline } from '../../node/swarm/scheduler/peer-pipeline.ts';
import { PieceScheduler } from '../../node/swarm/scheduler/piece-scheduler.ts';
import { PieceSet } from '../../node/swarm/scheduler/piece-set.ts';
import { pipelineDepth } from '../../node/swarm/scheduler/pipeline-depth.ts';
import { UploadQueue, type QueuedUpload } from '../../node/swarm/scheduler/upload-queue.ts';
import { messageBytes, payloadOverheadBytes } from './control-bytes.ts';
import type { HostOptions, SimulatedBlob } from './host-options.ts';
import { SimulatedNews } from './simulated-news.ts';
import { MESSAGE, type Wires } from './wires.ts';

/** What all hosts share. */
export interface HostDeps {
  readonly wires: Wires;
  readonly blobs: readonly SimulatedBlob[];
  readonly random: () => number;
  readonly nowMs: () => number;
  /** A piece is to be hashed; `verified` answers. */
  readonly verify: (host: SimulatedHost, blob: number, piece: number) => void;
  /** Pieces wait to be told of; `tellHaves` is to be called a little later. */
  readonly haveWaits: (host: SimulatedHost) => void;
  /** What was said of the host at the other end of a connection. */
  readonly standingOf: (connection: SimulatedConnection, blob: number) => Standing;
  /** Classes of pieces come into the zone of a host much later than the others. */
  readonly lagging: (host: SimulatedHost, blob: number, classes: readonly number[]) => void;
  /** A host gets much less than its neighbours. */
  readonly fellBehind: (host: SimulatedHost) => void;
  /** A piece begins to go out. */
  readonly sending: (connection: SimulatedConnection, upload: QueuedUpload) => void;
  /** A blob is here whole. */
  readonly completed: (host: SimulatedHost, blob: number) => void;
  /** Pieces that come and those that come for nothing. */
  readonly count: { arrived: number; wasted: number; controlBytes: number };
}

/** One blob on one connection. */
export interface SimulatedChannel extends HandOutChannel {
  readonly connection: SimulatedConnection;
  readonly blob: number;
  /** The same set that the scheduler of a download changes, so that each `have` is written once. */
  remoteHas: PieceSet | undefined;
  isOffering: boolean;
  readonly foretold: ForetoldPieces;
  /** Foretold, here now, and not to be told of again. */
  readonly wasTold: Set<number>;
}

/** A host's end of a connection. */
export interface SimulatedConnection {
  readonly host: SimulatedHost;
  readonly end: number;
  readonly isToOtherZone: boolean;
  /** The number that schedulers know the other side by. */
  readonly slot: number;
  readonly queue: UploadQueue;
  readonly pipeline: PeerPipeline;
  readonly channels: Array<SimulatedChannel | undefined>;
  sending: QueuedUpload | undefined;
}

const MIB = 1024 * 1024;

export class SimulatedHost {
  readonly number: number;
  readonly #deps: HostDeps;
  readonly #options: HostOptions;
  readonly has: readonly PieceSet[];
  readonly #downloads: Array<PieceScheduler | undefined>;
  readonly #limits: Array<NeighbourLimits | undefined> = [];
  readonly #slots: Array<SimulatedConnection | undefined> = [];
  readonly #handOuts: HandOuts<SimulatedChannel>;
  readonly news: SimulatedNews;
  isDead = false;
  finishedMs = Infinity;
  sentBytes = 0;

  constructor(deps: HostDeps, options: HostOptions) {
    this.#deps = deps;
    this.#options = options;
    this.number = options.number;
    this.has = deps.blobs.map((blob) =>
      options.isHolder ? PieceSet.full(pieceCount(blob)) : new PieceSet(pieceCount(blob)),
    );
    this.#downloads = deps.blobs.map(() => undefined);
    this.news = new SimulatedNews({ wires: deps.wires, count: deps.count, connections: this.#slots });
    this.#handOuts = new HandOuts<SimulatedChannel>({
      give: (channel, pieceIndex) => this.#give(channel, pieceIndex),
      offer: (channel, { credits, isPassOver }) =>
        this.#say(channel, MESSAGE.offer, credits * 2 + (isPassOver ? 1 : 0)),
    });
    if (options.isHolder) this.finishedMs = 0;
  }

  get isLiar(): boolean {
    return this.#options.isLiar;
  }

  get isComplete(): boolean {
    return this.has.every((pieces) => pieces.isComplete);
  }

  isDownloading(blob: number): boolean {
    return this.#downloads[blob] !== undefined;
  }

  /** Starts, or goes on after a return. */
  startDownload(blob: number): void {
    const has = this.has[blob];
    if (has === undefined || has.isComplete) return;
    const at = (slot: number): SimulatedChannel | undefined => this.#slots[slot]?.channels[blob];
    const scheduler = new PieceScheduler(
      {
        request: (slot, piece) => this.#say(at(slot), MESSAGE.request, piece),
        requestAny: (slot) => this.#say(at(slot), MESSAGE.anyPiece, 0),
        cancel: (slot, piece) => this.#say(at(slot), MESSAGE.cancel, piece),
        stalled: () => undefined,
      },
      { pieceCount: has.length, depth: 2, random: this.#deps.random },
    );
    if (this.#options.isRead) scheduler.setReaders([has.firstMissing(0)]);
    this.#downloads[blob] = scheduler;
    const limits = new NeighbourLimits(
      {
        setShare: (slot, share) => scheduler.setShare(slot, share, this.#deps.nowMs()),
        lagging: (classes) => this.#deps.lagging(this, blob, classes),
      },
      { pieceCount: has.length },
    );
    this.#limits[blob] = limits;
    for (let piece = has.next(0); piece >= 0; piece = has.next(piece + 1)) {
      scheduler.pieceKept(piece);
      limits.pieceHere(piece);
    }
  }

  /** Everything that runs here is lost but the pieces. */
  die(): void {
    this.isDead = true;
    this.news.forget();
    for (const blob of this.#downloads.keys()) this.#endDownload(blob);
  }

  /** A connection began. */
  addConnection(end: number, isToOtherZone: boolean): SimulatedConnection {
    const slot = this.#slots.length;
    const channels = this.#deps.blobs.map(() => undefined);
    const connection = {
      host: this,
      end,
      isToOtherZone,
      slot,
      queue: new UploadQueue(),
      pipeline: new PeerPipeline(),
      channels,
      sending: undefined,
    };
    this.#slots.push(connection);
    return connection;
  }

  /** Opens a blob on a connection, as the other side does at the same time, and says what is here. */
  openChannel(connection: SimulatedConnection, blob: number): SimulatedChannel | undefined {
    const cut = this.#deps.blobs[blob];
    const has = this.has[blob];
    if (cut === undefined || has === undefined || connection.channels[blob] !== undefined) return undefined;
    const { digest } = cut;
    const news = { foretold: new ForetoldPieces(), wasTold: new Set<number>() };
    const state = { remoteHas: undefined, isOffering: false, isHandOut: false, ...news };
    const channel: SimulatedChannel = { connection, blob, digest, cut, ...state };
    connection.channels[blob] = channel;
    const download = this.#downloads[blob];
    download?.neighbourAdded(connection.slot, this.#deps.nowMs(), connection.pipeline);
    if (download !== undefined) this.#setDepths(blob);
    const { isToOtherZone, slot } = connection;
    const where = isToOtherZone ? 'other zone' : 'own zone';
    this.#limits[blob]?.neighbourAdded(slot, where, this.#deps.standingOf(connection, blob));
    if (has.isComplete && !isToOtherZone) this.#handOuts.joined(channel);
    this.#say(channel, MESSAGE.bitfield, 0);
    return channel;
  }

  /** The host at the other end was named anew for a blob, or is not any more. */
  renamed(connection: SimulatedConnection, blob: number): void {
    this.#limits[blob]?.renamed(connection.slot, this.#deps.standingOf(connection, blob));
  }

  /** The other side is gone. */
  closeConnection(connection: SimulatedConnection): void {
    this.#slots[connection.slot] = undefined;
    this.cutConnection(connection);
    for (const channel of connection.channels) {
      if (channel === undefined) continue;
      if (channel.isHandOut) this.#handOuts.left(channel);
      this.#downloads[channel.blob]?.neighbourGone(connection.slot, this.#deps.nowMs());
      this.#limits[channel.blob]?.neighbourGone(connection.slot);
    }
  }

  /** The wire of a connection went dead: nothing of what was to be sent will arrive. */
  cutConnection(connection: SimulatedConnection): void {
    const { sending, queue, channels } = connection;
    connection.sending = undefined;
    this.sentBytes -= this.#deps.wires.stop(connection.end, this.#deps.nowMs());
    const dropped = channels.flatMap((_, blob) => queue.removeChannel(blob));
    for (const upload of sending === undefined ? dropped : [...dropped, sending]) {
      if (upload.isByCredit) this.#handOuts.served({ connection, channel: undefined }, upload.pieceIndex, false);
    }
  }

  /** What came over a channel. */
  hear(channel: SimulatedChannel, kind: number, value: number): void {
    const { blob } = channel;
    const { slot } = channel.connection;
    const nowMs = this.#deps.nowMs();
    const download = this.#downloads[blob];
    switch (kind) {
      case MESSAGE.have:
        if (channel.isHandOut) this.#handOuts.has(channel, value);
        if (channel.isHandOut) this.#handOuts.tick();
        if (download === undefined) channel.remoteHas?.add(value);
        else download.neighbourHas(slot, value, nowMs);
        return;
      case MESSAGE.request:
        return this.#onRequest(channel, value);
      case MESSAGE.anyPiece:
        if (channel.isHandOut) this.#handOuts.asked(channel);
        return;
      case MESSAGE.cancel:
        return this.#onCancel(channel, value);
      case MESSAGE.reject:
        if (download === undefined) channel.remoteHas?.remove(value);
        else download.requestRejected(slot, value, nowMs);
        return;
      case MESSAGE.offer:
        channel.isOffering = value > 1;
        return download?.neighbourOffers(slot, { credits: value >> 1, isPassOver: (value & 1) === 1 }, nowMs);
      case MESSAGE.creditStart:
        if (download?.creditStarted(slot, value, nowMs) === false) this.#say(channel, MESSAGE.cancel, value);
        return;
      case MESSAGE.piece:
        return this.#onPiece(channel, value);
    }
  }

  /** The first word of the other side on a blob. @param pieces this channel's own from now on. */
  hearBitfield(channel: SimulatedChannel, pieces: PieceSet): void {
    if (channel.remoteHas !== undefined) return;
    channel.remoteHas = pieces;
    if (channel.isHandOut) {
      for (let piece = pieces.next(0); piece >= 0; piece = pieces.next(piece + 1)) this.#handOuts.has(channel, piece);
    }
    this.#downloads[channel.blob]?.neighbourPieces(channel.connection.slot, pieces, this.#deps.nowMs());
  }

  /** The last byte of what a connection was sending left. */
  sent(connection: SimulatedConnection): void {
    const { sending, end } = connection;
    if (sending === undefined) return;
    this.#deps.wires.say(end, MESSAGE.piece, sending.channel, sending.pieceIndex);
    this.#uploadOver(connection, true);
  }

  /** The hash of a piece held. */
  verified(blob: number, piece: number): void {
    const download = this.#downloads[blob];
    const has = this.has[blob];
    if (download === undefined || has === undefined) return;
    download.pieceVerified(piece);
    this.#limits[blob]?.pieceHere(piece);
    if (!has.add(piece)) return;
    for (const channel of this.news.awaiting(blob, piece)) this.#onRequest(channel, piece);
    if (this.news.add(blob, piece)) this.#deps.haveWaits(this);
    if (this.#options.isRead) download.setReaders([has.firstMissing(0)]);
    if (!download.isComplete) return;
    this.#endDownload(blob);
    if (this.isComplete) this.finishedMs = this.#deps.nowMs();
    this.#deps.completed(this, blob);
  }

  /** True while a piece is on its way here over a connection. */
  expects(connection: SimulatedConnection, blob: number, piece: number): boolean {
    return this.#downloads[blob]?.isAsked(connection.slot, piece) === true;
  }

  /** A piece will be here in a moment. */
  foretell(blob: number, piece: number): void {
    const has = this.has[blob];
    if (has?.has(piece) === false) this.news.foretell(blob, piece, has);
  }

  /** Deadlines, and signs of life of those who are sending. */
  tick(): void {
    const nowMs = this.#deps.nowMs();
    for (const [blob, download] of this.#downloads.entries()) {
      if (download === undefined) continue;
      // The coordinator of a simulation is never away, so that nothing has to be done without it.
      this.#limits[blob]?.tick({ isPartial: false, silentMs: 0, noBytesMs: 0, hasMore: () => false }, nowMs);
      for (const connection of this.#slots) {
        if (connection === undefined || !this.#deps.wires.isSending(connection.end ^ 1)) continue;
        download.bytesArrived(connection.slot, nowMs);
      }
      download.tick(nowMs);
      if (download.fellBehind(nowMs)) this.#deps.fellBehind(this);
    }
  }

  #endDownload(blob: number): void {
    const download = this.#downloads[blob];
    this.#downloads[blob] = undefined;
    this.#limits[blob] = undefined;
    for (const slot of this.#slots.keys()) download?.neighbourGone(slot, this.#deps.nowMs());
  }

  #setDepths(blob: number): void {
    const { bytesPerSecond, latencyMs } = this.#options;
    const download = this.#downloads[blob];
    const pieceBytes = this.#deps.blobs[blob]?.pieceBytes ?? MIB;
    let neighbours = 0;
    for (const connection of this.#slots) if (connection?.channels[blob] !== undefined) neighbours += 1;
    const depth = pipelineDepth({ bytesPerSecond, roundTripMs: 2 * latencyMs, neighbours, pieceBytes });
    for (const slot of this.#slots.keys()) download?.setDepth(slot, depth);
  }

  #say(channel: SimulatedChannel | undefined, kind: number, value: number): void {
    if (channel === undefined) return;
    this.#deps.count.controlBytes += messageBytes(kind, this.has[channel.blob]?.length ?? 0);
    this.#deps.wires.say(channel.connection.end, kind, channel.blob, value);
  }

  #onRequest(channel: SimulatedChannel, pieceIndex: number): void {
    const { connection } = channel;
    const isHere = this.has[channel.blob]?.has(pieceIndex) === true;
    if (!isHere && channel.foretold.ask(pieceIndex)) return;
    if (isHere && connection.queue.add({ channel: channel.blob, pieceIndex, isByCredit: false })) {
      this.#sendNext(connection);
    } else if (!isHere) this.#say(channel, MESSAGE.reject, pieceIndex);
  }

  #onCancel(channel: SimulatedChannel, pieceIndex: number): void {
    const { connection } = channel;
    if (channel.foretold.cancel(pieceIndex)) return;
    if (connection.queue.cancel(channel.blob, pieceIndex) !== undefined) return;
    const { sending } = connection;
    if (sending?.channel !== channel.blob || sending.pieceIndex !== pieceIndex) return;
    this.sentBytes -= this.#deps.wires.stop(connection.end, this.#deps.nowMs());
    this.#uploadOver(connection, false);
  }

  #onPiece(channel: SimulatedChannel, piece: number): void {
    const { count, verify, nowMs } = this.#deps;
    const download = this.#downloads[channel.blob];
    count.arrived += 1;
    const { slot } = channel.connection;
    if (download?.isAsked(slot, piece) !== true) {
      count.wasted += 1;
      return;
    }
    download.pieceArrived(slot, piece, nowMs());
    verify(this, channel.blob, piece);
  }

  #give(channel: SimulatedChannel, pieceIndex: number): boolean {
    const { connection, blob } = channel;
    if (!connection.queue.add({ channel: blob, pieceIndex, isByCredit: true })) return false;
    this.#sendNext(connection);
    return true;
  }

  #sendNext(connection: SimulatedConnection): void {
    if (connection.sending !== undefined || this.isDead) return;
    const upload = connection.queue.take();
    const cut = this.#deps.blobs[upload?.channel ?? -1];
    if (upload === undefined || cut === undefined) return;
    connection.sending = upload;
    const bytes = pieceLength(cut, upload.pieceIndex);
    this.sentBytes += bytes;
    this.#deps.count.controlBytes += payloadOverheadBytes(bytes);
    this.#deps.wires.send(connection.end, bytes);
    this.#deps.sending(connection, upload);
    if (upload.isByCredit) {
      this.#deps.wires.say(connection.end, MESSAGE.creditStart, upload.channel, upload.pieceIndex);
    }
  }

  #uploadOver(connection: SimulatedConnection, isSent: boolean): void {
    const { sending } = connection;
    connection.sending = undefined;
    this.#sendNext(connection);
    if (sending?.isByCredit === true) {
      const channel = connection.channels[sending.channel];
      this.#handOuts.served({ connection, channel }, sending.pieceIndex, isSent);
    }
  }
}
