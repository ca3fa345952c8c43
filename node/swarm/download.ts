// One blob on its way to this host, for all who want it.
//
//   waiting for a place ─▶ locating ─▶ exchanging pieces ─▶ checking the whole ─▶ adopting ─▶ done
//        │                    │  ▲            │ the table was a peer's and is wrong (download-attempt.ts)
//        │                    │  └────────────┤
//        └────────────────────┴───────────────┴── failed, or left by all: verified pieces stay on disk for the next time
//
// Readers of the whole want every piece; readers of parts want theirs, first, and while nobody wants the others too the
// download is idle when it has them. What either may get when: readable-bytes.ts.

import type { ByteRange } from '../../shared/oci/byte-range.ts';
import type { Digest } from '../../shared/oci/digest.ts';
import { isSameTable, type PieceTable } from '../../shared/pieces/piece-table.ts';
import type { Scheduled } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { PullRecord } from '../pulls/pull-record.ts';
import type { BlobChannel } from './blob-channel.ts';
import { DownloadAttempt, type AttemptOwner, type NeighbourNews } from './download-attempt.ts';
import { DownloadReader, type ReadableDownload } from './download-reader.ts';
import { DownloadAudience } from './download-audience.ts';
import type { DownloadDeps } from './download-deps.ts';
import { areMet, needsOf } from './download-needs.ts';
import { DownloadPlace } from './download-place.ts';
import type { DownloadPriority } from './download-slots.ts';
import type { PieceExchange } from './piece-exchange.ts';
import { PieceWaiters } from './piece-waiters.ts';
import type { PieceNeeds } from './scheduler/piece-needs.ts';
import { readableBytes } from './readable-bytes.ts';
import type { SharedBlob } from './shared-blob.ts';
import { TableDoubts } from './table-doubts.ts';
import { withSignal } from '../../shared/runtime/with-signal.ts';

export interface DownloadOptions {
  /** The download fails when no piece came for this long: then nobody who has the blob can be reached. */
  readonly noProgressMs: number;
  /** How long a download goes on after the last who waited for it left. */
  readonly lingerMs: number;
  readonly linkBytesPerSecond: number;
  /** Whether a blob of which clients read only parts is fetched as a whole in the background. */
  readonly backgroundFill: () => boolean;
}

/** How often a download checks whether it makes progress. */
const WATCH_MS = 250;

export class Download implements ReadableDownload {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Settles when the blob is adopted, or when it is given up. */
  readonly done: Promise<void>;
  readonly #deps: DownloadDeps;
  readonly #options: DownloadOptions;
  readonly #stop = new AbortController();
  readonly #place: DownloadPlace;
  readonly #audience: DownloadAudience;
  readonly #record: PullRecord;
  readonly #waiters = new PieceWaiters();
  readonly #doubts = new TableDoubts();
  /** True when it ended because nobody waited for it any more. */
  #isLeft = false;
  #state: 'running' | 'whole' | 'adopted' | 'failed' = 'running';
  #failure: unknown;
  #blob: SharedBlob | undefined;
  #attempt: DownloadAttempt | undefined;
  #lastTable: PieceTable | undefined;
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
    const heard = { wholeAsked: () => this.#wholeAsked(), left: () => this.#leftByAll() };
    this.#audience = new DownloadAudience({ clock: deps.clock, ...heard }, options);
    this.#place = new DownloadPlace(deps.slots, blob);
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

  /** Nothing is to be fetched now: all that clients read is here, and nobody wants the rest. */
  get isIdle(): boolean {
    const has = this.#blob?.has;
    return this.#state === 'running' && has?.isComplete === false && areMet(this.#needs(), has);
  }

  /** One more client, who reads all of it or some ranges. It leaves by closing its reader. */
  join(ranges: readonly ByteRange[] | undefined): DownloadReader {
    const reader = new DownloadReader(this, ranges);
    this.#audience.addReader(reader);
    this.#record.clientJoined(this.#deps.clock.nowMs());
    if (ranges !== undefined && this.#options.backgroundFill()) this.#fill();
    this.#needsChanged();
    return reader;
  }

  /** Waits until the blob is adopted. @throws {AppError} why it will not be. */
  async replicate(signal: AbortSignal): Promise<void> {
    this.#audience.addReplica();
    this.#needsChanged();
    try {
      await withSignal(this.done, signal);
    } finally {
      this.#audience.removeReplica();
    }
  }

  /** Gives up; verified pieces stay on disk. Resolves when files are closed. */
  async stop(reason: AppError): Promise<void> {
    this.#stop.abort(reason);
    await Promise.allSettled([this.done]);
  }

  neighboursChanged(news: NeighbourNews): void {
    this.#record.named(news.added);
    this.#attempt?.neighboursChanged(news);
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

  readableBytes(reader: DownloadReader, position: number, wantedBytes: number): number {
    const blob = this.#blob;
    if (blob === undefined || this.#state === 'failed') return 0;
    if (this.#state !== 'running') return wantedBytes;
    if (this.#attempt?.isDisputed === true) return 0;
    return readableBytes(blob, { position, wantedBytes, isPart: reader.ranges !== undefined });
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
    this.#audience.removeReader(reader);
    this.#needsChanged();
    await this.#releaseBlob();
  }

  async #run(after: Promise<void>): Promise<void> {
    const { clock, metrics, log } = this.#deps;
    const startMs = clock.nowMs();
    try {
      await Promise.allSettled([after]);
      await withSignal(this.#place.take(), this.#stop.signal);
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
      metrics.downloadEnded(this.#isLeft ? 'left' : 'failed');
      if (this.#isLeft) log.info(this.status(), 'nobody waits for a blob any more; its pieces are kept');
      else log.warn({ digest: this.digest, err: this.#failure }, 'download failed');
      throw this.#failure;
    } finally {
      this.#watch?.cancel();
      this.#audience.stop();
      this.#place.leave();
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
      const located = await this.#deps.locator.locate(this, this.#doubts, this.#stop.signal);
      this.#record.located(this.#deps.clock.nowMs(), located.neighbours);
      if (this.#lastTable !== undefined && !isSameTable(this.#lastTable, located.table)) this.#tearReaders();
      this.#lastTable = located.table;
      const { digest, sizeBytes } = this;
      const { linkBytesPerSecond } = this.#options;
      const isAllKept = this.#audience.isWholeAsked || located.trust === 'provisional';
      const room = isAllKept ? ('all' as const) : ('as_needed' as const);
      const options = {
        digest,
        sizeBytes,
        located,
        linkBytesPerSecond,
        record: this.#record,
        room,
        doubts: this.#doubts,
      };
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
        if (this.#audience.isFilling) this.#fill();
        this.#waiters.wakeAll();
      },
      verified: (piece) => {
        this.#lastProgressMs = this.#deps.clock.nowMs();
        this.#waiters.wake(piece);
        if (!this.#audience.isWholeWanted && this.isIdle) this.#place.leave();
      },
      confirmed: () => {
        this.#needsChanged();
        this.#waiters.wakeAll();
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
      readerPieces: (pieceBytes) => this.#audience.positions(pieceBytes),
      needs: () => this.#needs(),
      priority: () => (this.#audience.hasReaders ? 'client' : 'background'),
    };
  }

  #needs(): PieceNeeds | undefined {
    const blob = this.#blob;
    // Before the coordinator or the digest of the whole confirmed a table no part is given by it.
    if (blob === undefined || this.#attempt?.isProvisional === true) return undefined;
    const { pieceCount, cut } = blob;
    const { isWholeWanted, ranges } = this.#audience;
    return needsOf({ pieceCount, pieceBytes: cut.pieceBytes }, ranges, { isWholeWanted });
  }

  /** Fetches what is wanted now, as soon as there is a place for it. */
  #needsChanged(): void {
    if (this.isOver) return;
    this.#place.setPriority(this.#audience.hasReaders ? 'client' : 'background');
    this.#attempt?.preferReaders();
    if (this.isIdle) this.#place.leave();
    if (this.isIdle || this.#place.isGranted) this.#attempt?.needsChanged();
    else void this.#place.take().then(() => this.#placeGot());
  }

  #placeGot(): void {
    if (!this.#place.isGranted) return;
    this.#lastProgressMs = this.#deps.clock.nowMs();
    this.#attempt?.needsChanged();
  }

  #wholeAsked(): void {
    this.#attempt?.reserveRest().catch((error: unknown) => this.#stop.abort(error));
  }

  /** Fetches the rest too, unless there is no room for it. */
  #fill(): void {
    const audience = this.#audience;
    audience.isFilling = true;
    this.#attempt?.reserveRest().catch((error: unknown) => {
      this.#deps.log.warn(
        { err: error, digest: this.digest },
        'no room for a whole blob; only what is read of it comes',
      );
      audience.isFilling = false;
      this.#needsChanged();
    });
  }

  #leftByAll(): void {
    if (this.#state !== 'running') return;
    this.#isLeft = true;
    if (this.isIdle) this.#record.ended(this.#deps.clock.nowMs()); // it gave all that it was asked for
    this.#stop.abort(new AppError('blob_unavailable', 'nobody waits for this blob any more'));
  }

  /** Clients that were given bytes which may be wrong get no more; the others wait for the right ones. */
  #tearReaders(): void {
    this.#audience.tear(new AppError('digest_mismatch', 'a peer gave a piece table that does not make up the blob'));
    this.#waiters.wakeAll();
  }

  #leaveSwarm(): void {
    const { link, log } = this.#deps;
    if (!link.isConnected) return;
    const otherZoneBytes = this.#attempt?.otherZoneBytes ?? 0;
    const left = {
      digest: this.digest,
      ...(this.#state === 'adopted' ? { isWhole: true } : {}),
      ...(otherZoneBytes > 0 ? { otherZoneBytes } : {}),
    };
    link.call('blob.leave', left, new AbortController().signal).catch((error: unknown) => {
      log.debug({ err: error, digest: this.digest }, 'leaving a swarm was not heard');
    });
  }

  /** Fails the download when nothing came for too long. */
  #watchProgress(): void {
    const { clock } = this.#deps;
    if (!this.#place.isGranted || this.exchange?.isHeldBack === true) this.#lastProgressMs = clock.nowMs();
    const lastMs = Math.max(this.#lastProgressMs, this.exchange?.lastByteMs ?? 0);
    if (this.#state === 'running' && clock.nowMs() - lastMs > this.#options.noProgressMs) {
      const { sizeBytes, doneBytes } = this.status();
      const detail = { digest: this.digest, doneBytes, sizeBytes };
      this.#stop.abort(new AppError('blob_unavailable', 'no host that has this blob can be reached', { detail }));
      return;
    }
    this.#watch = clock.schedule(WATCH_MS, () => this.#watchProgress());
  }

  /** The last reader of a download that is over closes the file. */
  async #releaseBlob(): Promise<void> {
    if (this.#blob === undefined || this.#isBlobReleased || this.#audience.hasReaders) return;
    if (this.#state !== 'adopted' && this.#state !== 'failed') return;
    this.#isBlobReleased = true;
    await this.#deps.blobs.release(this.#blob);
  }
}
