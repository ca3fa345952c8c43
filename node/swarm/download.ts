// One blob on its way to this host, for all who want it.
//
//   waiting for a place ─▶ locating ─▶ exchanging pieces ─▶ checking the whole ─▶ adopting ─▶ done
//        │                    │  ▲            │ the table was a peer's and is wrong (download-attempt.ts)
//        │                    │  └────────────┤
//        └────────────────────┴───────────────┴── failed: verified pieces stay on disk for the next time

import type { Digest } from '../../shared/oci/digest.ts';
import { isSameTable, type PieceTable } from '../../shared/pieces/piece-table.ts';
import type { CoordinatorLink, Peer } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { BlobStore, PartialStore } from '../content/blob-store.ts';
import type { PullRecord } from '../pulls/pull-record.ts';
import type { BlobChannel } from './blob-channel.ts';
import type { BlobChannels } from './blob-channels.ts';
import type { BlobLocator } from './blob-locator.ts';
import { DownloadAttempt, type AttemptOwner } from './download-attempt.ts';
import { DownloadReader, type ReadableDownload } from './download-reader.ts';
import type { DownloadPriority, DownloadSlot, DownloadSlots } from './download-slots.ts';
import type { PeerReports } from './peer-reports.ts';
import type { Peers } from './peers.ts';
import type { PieceExchange } from './piece-exchange.ts';
import { PieceWaiters } from './piece-waiters.ts';
import type { SharedBlob } from './shared-blob.ts';
import type { SharedBlobs } from './shared-blobs.ts';
import type { SmallBlobs } from './small-blobs.ts';
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
  readonly locator: BlobLocator;
  readonly reports: PeerReports;
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
  readonly #record: PullRecord;
  readonly #readers = new Set<DownloadReader>();
  readonly #waiters = new PieceWaiters();
  /** Callers of `replicate`; they keep the download going as readers do. */
  #replicaCount = 0;
  #state: 'running' | 'whole' | 'adopted' | 'failed' = 'running';
  #failure: unknown;
  #blob: SharedBlob | undefined;
  #attempt: DownloadAttempt | undefined;
  #lastTable: PieceTable | undefined;
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
      /** Told what happens. */
      readonly record: PullRecord;
      /** Starts when this is settled: an earlier download of the same blob has its files open until then. */
      readonly after: Promise<void>;
    },
    options: DownloadOptions,
  ) {
    this.#deps = deps;
    this.digest = blob.digest;
    this.sizeBytes = blob.sizeBytes;
    this.#options = options;
    this.#record = blob.record;
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
    return this.#attempt?.exchange;
  }

  /** For status. */
  status(): {
    readonly digest: Digest;
    readonly sizeBytes: number;
    readonly doneBytes: number;
    readonly peers: number;
  } {
    const doneBytes = (this.#blob?.has.count ?? 0) * (this.#blob?.cut.pieceBytes ?? 0);
    const peers = this.exchange?.neighbourCount ?? 0;
    return { digest: this.digest, sizeBytes: this.sizeBytes, doneBytes: Math.min(this.sizeBytes, doneBytes), peers };
  }

  /** One more client. It leaves by closing its reader. */
  join(): DownloadReader {
    const reader = new DownloadReader(this);
    this.#readers.add(reader);
    this.#record.clientJoined(this.#deps.clock.nowMs());
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
    this.#record.named(change.added);
    this.#attempt?.neighboursChanged(change);
  }

  /** The session with the coordinator is new: it must hear again that we want this. */
  sessionChanged(): void {
    this.#attempt?.sessionChanged();
  }

  channelRefused(channel: BlobChannel): void {
    this.#attempt?.channelClosed(channel.connection.peerId, 'refused');
  }

  connectionLost(peerId: string): void {
    this.#attempt?.channelClosed(peerId, 'lost');
  }

  readableBytes(position: number, wantedBytes: number): number {
    const blob = this.#blob;
    if (blob === undefined || this.#state === 'failed') return 0;
    if (this.#state !== 'running') return wantedBytes;
    if (this.#attempt?.isDisputed === true) return 0;
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
    if (!this.#record.isClientServed) this.#record.clientServed(this.#deps.clock.nowMs());
    return this.#blob.read(target, position, signal);
  }

  async progress(_reader: DownloadReader, position: number, signal: AbortSignal): Promise<void> {
    if (this.#state === 'failed') throw this.#failure;
    const blob = this.#blob;
    const piece = blob?.has.firstMissing(Math.floor(position / blob.cut.pieceBytes));
    this.#attempt?.preferReaders();
    await this.#waiters.wait(piece, signal);
  }

  async leave(reader: DownloadReader): Promise<void> {
    this.#readers.delete(reader);
    this.#attempt?.preferReaders();
    this.#lingerIfAlone();
    await this.#releaseBlob();
  }

  async #run(after: Promise<void>): Promise<void> {
    const { clock, metrics, log } = this.#deps;
    const startMs = clock.nowMs();
    try {
      await Promise.allSettled([after]);
      await withSignal(this.#slot.granted, this.#stop.signal);
      this.#lastProgressMs = clock.nowMs();
      this.#record.granted(this.#lastProgressMs);
      this.#watchProgress();
      await this.#fetchAndAdopt();
      metrics.downloadEnded('adopted');
      this.#record.ended(clock.nowMs());
      log.info({ digest: this.digest, bytes: this.sizeBytes, ms: clock.nowMs() - startMs }, 'blob downloaded');
    } catch (error) {
      this.#fail(error);
      this.#record.ended(clock.nowMs(), this.#failure);
      metrics.downloadEnded('failed');
      log.warn({ digest: this.digest, err: this.#failure }, 'download failed');
      throw this.#failure;
    } finally {
      this.#watch?.cancel();
      this.#linger?.cancel();
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
    for (;;) {
      this.#record.locating(this.#deps.clock.nowMs());
      const located = await this.#deps.locator.locate(this, this.#stop.signal);
      this.#record.located(this.#deps.clock.nowMs(), located.neighbours);
      if (this.#lastTable !== undefined && !isSameTable(this.#lastTable, located.table)) this.#tearReaders();
      this.#lastTable = located.table;
      const { digest, sizeBytes } = this;
      const { linkBytesPerSecond } = this.#options;
      const options = { digest, sizeBytes, located, linkBytesPerSecond, record: this.#record };
      this.#attempt = new DownloadAttempt(this.#deps, this.#attemptOwner(), options, this.#stop.signal);
      if ((await this.#attempt.run()) === 'adopted') break;
    }
    this.#state = 'adopted';
    this.#deps.onAdopted(this.digest, this.sizeBytes);
  }

  #attemptOwner(): AttemptOwner {
    return {
      opened: (blob) => {
        this.#blob = blob;
        this.#waiters.wakeAll();
      },
      verified: (piece) => {
        this.#lastProgressMs = this.#deps.clock.nowMs();
        this.#waiters.wake(piece);
      },
      isWhole: () => {
        this.#state = 'whole';
        this.#waiters.wakeAll();
      },
      failing: (error) => this.#fail(error),
      useless: (end) => {
        this.#deps.log.warn(
          { digest: this.digest, end },
          'a piece table from peers was of no use; looking for another',
        );
        this.#blob = undefined; // readers wait for the next one
        if (end === 'revoked') this.#tearReaders();
      },
      readerPieces: (pieceBytes) => [...this.#readers].map((reader) => Math.floor(reader.position / pieceBytes)),
    };
  }

  /** Clients that were given bytes which may be wrong get no more; the others wait for the right ones. */
  #tearReaders(): void {
    for (const reader of this.#readers) {
      reader.tear(new AppError('digest_mismatch', 'a peer gave a piece table that does not make up the blob'));
    }
    this.#waiters.wakeAll();
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
    const lastMs = Math.max(this.#lastProgressMs, this.exchange?.lastByteMs ?? 0);
    if (this.#state === 'running' && clock.nowMs() - lastMs > this.#options.noProgressMs) {
      const { sizeBytes, doneBytes } = this.status();
      const detail = { digest: this.digest, doneBytes, sizeBytes };
      this.#stop.abort(new AppError('blob_unavailable', 'no host that has this blob can be reached', { detail }));
      return;
    }
    this.#watch = clock.schedule(WATCH_MS, () => this.#watchProgress());
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
