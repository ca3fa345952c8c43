// One blob on its way to this host, for all who want it.
//
//   waiting for a place ─▶ locating ─▶ exchanging pieces ─▶ checking the whole ─▶ adopting ─▶ done
//        └────────────────────┴───────────────┴── failed: verified pieces stay on disk for the next time

import type { Digest } from '../../shared/oci/digest.ts';
import type { CoordinatorLink, Peer } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { BlobStore, PartialBlob, PartialStore } from '../content/blob-store.ts';
import type { BlobChannel } from './blob-channel.ts';
import type { BlobChannels } from './blob-channels.ts';
import { DownloadReader, type ReadableDownload } from './download-reader.ts';
import type { DownloadPriority, DownloadSlot, DownloadSlots } from './download-slots.ts';
import { locateBlob } from './locate-blob.ts';
import { NeighbourKeeper } from './neighbour-keeper.ts';
import type { PeerConnection } from './peer-connection.ts';
import type { Peers } from './peers.ts';
import { PieceExchange, type ExchangeOwner } from './piece-exchange.ts';
import { PieceWaiters } from './piece-waiters.ts';
import type { SharedBlob } from './shared-blob.ts';
import type { SharedBlobs } from './shared-blobs.ts';
import type { SmallBlobs } from './small-blobs.ts';
import { fetchSmallBlob } from './small-download.ts';
import type { SwarmMetrics } from './swarm-metrics.ts';
import { withSignal } from './with-signal.ts';

export interface DownloadOptions {
  /** Nothing came for so long: nobody who has it can be reached. */
  readonly noProgressMs: number;
  /** A download that nobody waits for any more goes on for so long. */
  readonly lingerMs: number;
  readonly linkBytesPerSecond: number;
}

export interface DownloadDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SwarmMetrics;
  readonly random: () => number;
  readonly link: CoordinatorLink;
  readonly store: Pick<BlobStore, 'open'>;
  readonly partials: PartialStore;
  readonly blobs: SharedBlobs;
  readonly peers: Peers;
  readonly channels: BlobChannels;
  readonly small: SmallBlobs;
  readonly slots: DownloadSlots;
  readonly onAdopted: (digest: Digest, sizeBytes: number) => void;
}

/** Progress is looked at so often. */
const WATCH_MS = 250;

export class Download implements ReadableDownload {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Settles when the blob is adopted, or when it is given up. */
  readonly done: Promise<void>;
  readonly #deps: DownloadDeps;
  readonly #options: DownloadOptions;
  readonly #stop = new AbortController();
  readonly #slot: DownloadSlot;
  readonly #readers = new Set<DownloadReader>();
  readonly #waiters = new PieceWaiters();
  /** Callers of `replicate`; they keep the download going as readers do. */
  #replicaCount = 0;
  #state: 'running' | 'whole' | 'adopted' | 'failed' = 'running';
  #failure: unknown;
  #blob: SharedBlob | undefined;
  #exchange: PieceExchange | undefined;
  #keeper: NeighbourKeeper | undefined;
  #linger: Scheduled | undefined;
  #watch: Scheduled | undefined;
  #lastProgressMs: number;
  #isBlobReleased = false;

  constructor(
    deps: DownloadDeps,
    blob: {
      readonly digest: Digest;
      readonly sizeBytes: number;
      readonly priority: DownloadPriority;
      /** Starts when this is settled: an earlier download of the same blob has its files open until then. */
      readonly after: Promise<void>;
    },
    options: DownloadOptions,
  ) {
    this.#deps = deps;
    this.digest = blob.digest;
    this.sizeBytes = blob.sizeBytes;
    this.#options = options;
    this.#lastProgressMs = deps.clock.nowMs();
    this.#slot = deps.slots.take(blob.priority);
    this.done = this.#run(blob.after);
    // Readers and callers of `replicate` learn of a failure by themselves; there may be none.
    this.done.catch(() => undefined);
  }

  /** No more clients can join. */
  get isOver(): boolean {
    return this.#state === 'adopted' || this.#state === 'failed' || this.#stop.signal.aborted;
  }

  get exchange(): PieceExchange | undefined {
    return this.#exchange;
  }

  /** For status. */
  status(): {
    readonly digest: Digest;
    readonly sizeBytes: number;
    readonly doneBytes: number;
    readonly peers: number;
  } {
    const doneBytes = (this.#blob?.has.count ?? 0) * (this.#blob?.cut.pieceBytes ?? 0);
    const peers = this.#exchange?.neighbourCount ?? 0;
    return { digest: this.digest, sizeBytes: this.sizeBytes, doneBytes: Math.min(this.sizeBytes, doneBytes), peers };
  }

  /** One more client. It leaves by closing its reader. */
  join(): DownloadReader {
    const reader = new DownloadReader(this);
    this.#readers.add(reader);
    this.#linger?.cancel();
    this.#slot.promote();
    return reader;
  }

  /** Waits until the blob is adopted. @throws {AppError} why it will not be. */
  async replicate(signal: AbortSignal): Promise<void> {
    this.#replicaCount += 1;
    this.#linger?.cancel();
    try {
      await withSignal(this.done, signal);
    } finally {
      this.#replicaCount -= 1;
      this.#lingerIfAlone();
    }
  }

  /** Gives up; verified pieces stay on disk. Resolves when files are closed. */
  async stop(reason: AppError): Promise<void> {
    this.#stop.abort(reason);
    await Promise.allSettled([this.done]);
  }

  neighboursChanged(change: { readonly added: readonly Peer[]; readonly removed: readonly string[] }): void {
    this.#keeper?.remove(change.removed);
    this.#keeper?.add(change.added);
  }

  /** The session with the coordinator is new: it must hear again that we want this. */
  sessionChanged(): void {
    void this.#keeper?.relocate();
  }

  channelRefused(channel: BlobChannel): void {
    this.#keeper?.closed(channel.connection.peerId, 'refused');
  }

  connectionLost(peerId: string): void {
    this.#keeper?.closed(peerId, 'lost');
  }

  readableBytes(position: number, wantedBytes: number): number {
    const blob = this.#blob;
    if (blob === undefined || this.#state === 'failed') return 0;
    if (this.#state !== 'running') return wantedBytes;
    const { pieceBytes } = blob.cut;
    let end = position;
    for (let piece = Math.floor(position / pieceBytes); end < position + wantedBytes; piece += 1) {
      if (piece >= blob.pieceCount - 1 || !blob.has.has(piece)) break;
      end = (piece + 1) * pieceBytes;
    }
    return Math.min(wantedBytes, end - position);
  }

  async read(target: Uint8Array, position: number, signal: AbortSignal): Promise<number> {
    if (this.#state === 'failed') throw this.#failure;
    if (this.#blob === undefined) throw new AppError('blob_unavailable', 'the download of this blob ended');
    return this.#blob.read(target, position, signal);
  }

  async progress(_reader: DownloadReader, position: number, signal: AbortSignal): Promise<void> {
    if (this.#state === 'failed') throw this.#failure;
    const blob = this.#blob;
    const piece = blob?.has.firstMissing(Math.floor(position / blob.cut.pieceBytes));
    this.#preferReaders();
    await this.#waiters.wait(piece, signal);
  }

  async leave(reader: DownloadReader): Promise<void> {
    this.#readers.delete(reader);
    this.#preferReaders();
    this.#lingerIfAlone();
    await this.#releaseBlob();
  }

  async #run(after: Promise<void>): Promise<void> {
    const { metrics, log } = this.#deps;
    const startMs = this.#deps.clock.nowMs();
    try {
      await Promise.allSettled([after]);
      await withSignal(this.#slot.granted, this.#stop.signal);
      this.#lastProgressMs = this.#deps.clock.nowMs();
      this.#watchProgress();
      await this.#fetchAndAdopt();
      metrics.downloadEnded('adopted');
      log.info(
        { digest: this.digest, bytes: this.sizeBytes, ms: this.#deps.clock.nowMs() - startMs },
        'blob downloaded',
      );
    } catch (error) {
      this.#fail(error);
      metrics.downloadEnded('failed');
      log.warn({ digest: this.digest, err: this.#failure }, 'download failed');
      throw this.#failure;
    } finally {
      this.#watch?.cancel();
      this.#linger?.cancel();
      this.#keeper?.stop();
      this.#slot.release();
      this.#waiters.wakeAll();
      this.#leaveSwarm();
      await this.#releaseBlob();
    }
  }

  /** Readers learn why before the files close under them. */
  #fail(error: unknown): void {
    if (this.#state === 'failed') return;
    this.#failure = this.#stop.signal.aborted ? this.#stop.signal.reason : error;
    this.#state = 'failed';
    this.#waiters.wakeAll();
  }

  async #fetchAndAdopt(): Promise<void> {
    const { partials, blobs, channels } = this.#deps;
    const { table, neighbours } = await locateBlob(this.#deps, this, this.#stop.signal);
    const partial = await partials.openPartial(this.digest, table);
    const blob = blobs.begin(this.digest, partial);
    this.#blob = blob;
    this.#waiters.wakeAll();
    let outcome: 'whole' | 'failed' = 'failed';
    try {
      if (!blob.has.isComplete) await this.#fetch(partial, blob, neighbours);
      await partial.verifyWhole();
      this.#state = 'whole';
      this.#waiters.wakeAll();
      await partial.finish();
      await this.#adopt(blob);
      outcome = 'whole';
    } catch (error) {
      this.#fail(error);
      throw error;
    } finally {
      await this.#exchange?.stop();
      channels.exchangeEnded(this.digest, outcome);
      if (outcome === 'failed') await blob.detachPartial();
      await partial[Symbol.asyncDispose]();
    }
    this.#state = 'adopted';
    this.#deps.onAdopted(this.digest, this.sizeBytes);
  }

  async #adopt(blob: SharedBlob): Promise<void> {
    const reader = await this.#deps.store.open(this.digest);
    if (reader === undefined) throw new AppError('blob_unavailable', 'the blob was removed as soon as it was here');
    await blob.becomeWhole(reader);
  }

  async #fetch(partial: PartialBlob, blob: SharedBlob, neighbours: readonly Peer[]): Promise<void> {
    if (blob.pieceCount > 1) {
      await this.#exchangePieces(partial, blob, neighbours);
      return;
    }
    const deps = {
      ...this.#deps,
      badPiece: (connection: PeerConnection, piece: number) => this.#badPiece(connection, piece),
    };
    const giver = await fetchSmallBlob(deps, { digest: this.digest, partial, neighbours }, this.#stop.signal);
    blob.has.add(0);
    this.#deps.metrics.piece('verified');
    this.#deps.metrics.received(giver.transport, this.sizeBytes);
  }

  async #exchangePieces(partial: PartialBlob, blob: SharedBlob, neighbours: readonly Peer[]): Promise<void> {
    const { clock, random, channels, metrics } = this.#deps;
    const completed = new Promise<void>((resolve, reject) => {
      const owner: ExchangeOwner = {
        verified: (piece, channel) => {
          metrics.piece('verified');
          metrics.received(channel.connection.transport, blob.pieceLength(piece));
          this.#lastProgressMs = clock.nowMs();
          channels.announce(this.digest, piece);
          this.#waiters.wake(piece);
        },
        badPiece: (channel, piece) => this.#badPiece(channel.connection, piece),
        stalled: (channel) => this.#stalled(channel.connection.peerId),
        complete: resolve,
        failed: reject,
      };
      const { linkBytesPerSecond } = this.#options;
      this.#exchange = new PieceExchange({ partial, blob, clock, random, owner }, { linkBytesPerSecond });
    });
    const exchange = this.#exchange;
    this.#keeper = new NeighbourKeeper(
      {
        ...this.#deps,
        use: (connection) => {
          if (exchange !== undefined && connection.isOpen) channels.openFor(connection, blob, exchange);
        },
      },
      { digest: this.digest },
    );
    this.#preferReaders();
    this.#keeper.start(neighbours);
    await withSignal(completed, this.#stop.signal);
  }

  #badPiece(connection: PeerConnection, pieceIndex: number): void {
    const { log, metrics, peers } = this.#deps;
    log.warn(
      { peer: connection.peerId, digest: this.digest, piece: pieceIndex },
      'peer sent a wrong piece; dropped for good',
    );
    metrics.piece('bad');
    this.#report(connection.peerId, 'bad_piece');
    peers.ban(connection.peerId);
  }

  #stalled(peerId: string): void {
    this.#deps.log.info({ peer: peerId, digest: this.digest }, 'peer is silent past its deadline; asking others');
    this.#deps.metrics.stalled();
    this.#report(peerId, 'stalled');
  }

  #report(nodeId: string, reason: 'bad_piece' | 'stalled'): void {
    const { link, log } = this.#deps;
    if (!link.isConnected) return;
    link.call('peer.report', { nodeId, digest: this.digest, reason }, this.#stop.signal).catch((error: unknown) => {
      log.debug({ err: error, peer: nodeId }, 'a peer could not be reported');
    });
  }

  #leaveSwarm(): void {
    const { link, log } = this.#deps;
    if (!link.isConnected) return;
    link.call('blob.leave', { digest: this.digest }, new AbortController().signal).catch((error: unknown) => {
      log.debug({ err: error, digest: this.digest }, 'leaving a swarm was not heard');
    });
  }

  /** Fails the download when nothing came for too long. */
  #watchProgress(): void {
    const { clock } = this.#deps;
    const lastMs = Math.max(this.#lastProgressMs, this.#exchange?.lastByteMs ?? 0);
    if (this.#state === 'running' && clock.nowMs() - lastMs > this.#options.noProgressMs) {
      const { sizeBytes, doneBytes } = this.status();
      const detail = { digest: this.digest, doneBytes, sizeBytes };
      this.#stop.abort(new AppError('blob_unavailable', 'no host that has this blob can be reached', { detail }));
      return;
    }
    this.#watch = clock.schedule(WATCH_MS, () => this.#watchProgress());
  }

  #preferReaders(): void {
    const pieceBytes = this.#blob?.cut.pieceBytes;
    if (pieceBytes === undefined) return;
    this.#exchange?.setReaders([...this.#readers].map((reader) => Math.floor(reader.position / pieceBytes)));
  }

  #lingerIfAlone(): void {
    if (this.#readers.size > 0 || this.#replicaCount > 0 || this.isOver) return;
    this.#linger?.cancel();
    this.#linger = this.#deps.clock.schedule(this.#options.lingerMs, () => {
      if (this.#state === 'running')
        this.#stop.abort(new AppError('blob_unavailable', 'nobody waits for this blob any more'));
    });
  }

  /** The last reader of a download that is over closes the file. */
  async #releaseBlob(): Promise<void> {
    if (this.#blob === undefined || this.#isBlobReleased || this.#readers.size > 0) return;
    if (this.#state !== 'adopted' && this.#state !== 'failed') return;
    this.#isBlobReleased = true;
    await this.#deps.blobs.release(this.#blob);
  }
}
