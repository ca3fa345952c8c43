// One try to get a blob with one piece table: opens the partial blob, gets the pieces, checks the whole, adopts it.
//
//   confirmed table     from the coordinator, or implied by the digest: a failure is the download's. When several peers send
//                       other bytes than it says and more holders, or an origin, know another one, or when the whole has
//                       another digest, it is given up for that of the holders, which is provisional (table-doubts.ts)
//   provisional table   from peers, while the coordinator is away or wrong. Only peers that gave this very table are neighbours, so
//                       that a wrong piece is their fault and not the table's. It ends in one of three ways: the whole
//                       has the right digest; it has not, so that these peers lied and are dropped (`revoked`); none of
//                       them is left (`deserted`). Or a new session tells: the same table confirms it, another revokes it.

import type { Digest } from '../../shared/oci/digest.ts';
import { impliedTable } from '../../shared/pieces/implied-table.ts';
import { isSameTable } from '../../shared/pieces/piece-table.ts';
import type { NamedPeer } from '../../shared/protocol/coordinator-methods.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import type { PartialBlob } from '../content/blob-store.ts';
import { PaceReports } from './pace-reports.ts';
import type { PullRecord } from '../pulls/pull-record.ts';
import type { BlobChannel } from './blob-channel.ts';
import type { LocatedBlob } from './blob-locator.ts';
import type { DownloadDeps } from './download-deps.ts';
import type { DownloadPriority } from './download-slots.ts';
import { NeighbourKeeper, type Relocation } from './neighbour-keeper.ts';
import type { PeerConnection } from './peer-connection.ts';
import { PieceExchange, type ExchangeOwner } from './piece-exchange.ts';
import type { PieceNeeds } from './scheduler/piece-needs.ts';
import type { SharedBlob } from './shared-blob.ts';
import { fetchSmallBlob } from './small-download.ts';
import type { TableDoubts } from './table-doubts.ts';
import { withSignal } from '../../shared/runtime/with-signal.ts';

/** Changes of neighbours that are kept until they can be used; after more the coordinator is asked for all. */
const MAX_EARLY = 64;
/** Peers with wrong pieces after which the table is in doubt: one may have a bad disk. */
const DOUBT_AFTER = 2;

/** How the neighbours changed, in the words of the coordinator. */
export interface NeighbourNews {
  readonly added: readonly NamedPeer[];
  readonly removed: readonly string[];
}

/** How an attempt ended that did not fail. */
export type AttemptEnd = 'adopted' | 'revoked' | 'deserted';

/** What an attempt tells its download. */
export interface AttemptOwner {
  /** The partial blob is open. It may hold pieces from an earlier download. */
  opened(blob: SharedBlob): void;
  verified(pieceIndex: number): void;
  /** The digest of the whole blob was checked and is right. */
  isWhole(): void;
  /** The download fails. Called before files close, as is `useless`. */
  failing(error: unknown): void;
  /** This table led nowhere: what was read so far may be wrong (`revoked`) or was right as far as it went. */
  useless(end: 'revoked' | 'deserted'): void;
  /** The coordinator confirmed the piece table, which was only a peer's word until now. */
  confirmed(): void;
  /** Where clients read, as piece numbers. */
  readerPieces(pieceBytes: number): readonly number[];
  /** Which pieces are needed; undefined when all are needed alike. */
  needs(): PieceNeeds | undefined;
  /** Whether a client waits for it now. */
  priority(): DownloadPriority;
}

interface AttemptOptions {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly located: LocatedBlob;
  readonly linkBytesPerSecond: number;
  readonly record: PullRecord;
  /** Tables of this blob that are not trusted any more. */
  readonly doubts: TableDoubts;
  /** Whether disk space for the whole blob is reserved at the start. */
  readonly room: 'all' | 'as_needed';
}

export class DownloadAttempt {
  readonly #deps: DownloadDeps;
  readonly #options: AttemptOptions;
  readonly #owner: AttemptOwner;
  /** Aborted when this table is of no use any more. */
  readonly #over = new AbortController();
  /** Ids of the nodes that gave the provisional table. */
  readonly #vouchers = new Set<string>();
  /** Who sent bytes that do not fit the table. */
  readonly #offenders = new Set<string>();
  readonly #signal: AbortSignal;
  readonly #reports: PaceReports;
  /** What the coordinator said before the blob was open, or before it confirmed the table. */
  readonly #early: NeighbourNews[] = [];
  #wasEarlyLost = false;
  #smallFromOtherZone = 0;
  #partial: PartialBlob | undefined;
  /** Set when the table is of no use; the download then goes on without this attempt and its blob. */
  #end: 'revoked' | 'deserted' | undefined;
  #blob: SharedBlob | undefined;
  #exchange: PieceExchange | undefined;
  #keeper: NeighbourKeeper | undefined;

  /** @param signal ends the attempt and the download. */
  constructor(deps: DownloadDeps, owner: AttemptOwner, options: AttemptOptions, signal: AbortSignal) {
    this.#deps = deps;
    this.#options = options;
    this.#owner = owner;
    this.#signal = AbortSignal.any([signal, this.#over.signal]); // both go with this download, so that nothing outlives it
    this.#reports = new PaceReports(deps, options.digest, this.#signal);
    for (const { nodeId } of options.located.neighbours) this.#vouchers.add(nodeId);
  }

  get exchange(): PieceExchange | undefined {
    return this.#exchange;
  }

  /** Clients get nothing before the digest of the whole decided. */
  get isDisputed(): boolean {
    return this.isProvisional && this.#options.located.isDisputed;
  }

  /** Payload that came from other zones, of use or not. */
  get otherZoneBytes(): number {
    return this.#smallFromOtherZone + (this.#exchange?.otherZoneBytes ?? 0);
  }

  neighboursChanged(news: NeighbourNews): void {
    this.#keeper?.remove(news.removed);
    if (this.#keeper !== undefined && !this.isProvisional) this.#keeper.add(news.added);
    else if (this.#early.length < MAX_EARLY) this.#early.push(news);
    else this.#wasEarlyLost = true;
  }

  /** The session with the coordinator is new: it must hear again that we want this, and may know the table. */
  sessionChanged(): void {
    void this.#keeper?.relocate();
  }

  channelClosed(nodeId: string, why: 'refused' | 'lost'): void {
    this.#keeper?.closed(nodeId, why);
  }

  preferReaders(): void {
    this.#exchange?.setReaders(this.#owner.readerPieces(this.#options.located.table.pieceBytes));
  }

  needsChanged(): void {
    this.#exchange?.setNeeds(this.#owner.needs());
  }

  /** From now on all of it is wanted. @throws {AppError} `not_enough_space` */
  async reserveRest(): Promise<void> {
    await this.#partial?.reserveRest();
  }

  /** @throws why the blob cannot be had at all. */
  async run(): Promise<AttemptEnd> {
    const { partials, blobs } = this.#deps;
    const { digest, located, record, room } = this.#options;
    const partial = await partials.openPartial(digest, located.table, { room });
    const blob = blobs.begin(digest, partial, located.trust);
    this.#partial = partial;
    this.#blob = blob;
    record.opened(blob.heldBytes);
    this.#owner.opened(blob);
    let end: AttemptEnd | undefined;
    try {
      if (!blob.has.isComplete) await this.#fetch(partial, blob);
      record.fetched(this.#deps.clock.nowMs());
      await partial.verifyWhole();
      this.#owner.isWhole();
      await partial.finish();
      await this.#adopt(blob);
      end = 'adopted';
    } catch (error) {
      const useless = this.#endOf(error);
      if (useless === undefined) {
        this.#owner.failing(error);
        throw error;
      }
      this.#owner.useless(useless);
      end = useless;
    } finally {
      await this.#close(partial, blob, end === 'adopted' ? 'whole' : 'failed');
    }
    return end;
  }

  /** The table is only a peer's word so far. */
  get isProvisional(): boolean {
    return this.#options.located.trust === 'provisional' && this.#blob?.isConfirmed !== true;
  }

  /** What a failure means for a table in doubt; undefined when it is a failure of the download. */
  #endOf(error: unknown): 'revoked' | 'deserted' | undefined {
    if (this.#over.signal.aborted && error === this.#over.signal.reason) return this.#end;
    if (!isAppError(error, 'digest_mismatch') || impliedTable(this.#options) !== undefined) return undefined;
    this.#options.doubts.disprove(this.#options.located.table);
    if (this.isProvisional) this.#blameVouchers();
    else this.#deps.peers.forgive(this.#options.digest); // who gave other pieces may have been right
    this.#end = 'revoked';
    return this.#end;
  }

  async #close(partial: PartialBlob, blob: SharedBlob, outcome: 'whole' | 'failed'): Promise<void> {
    this.#partial = undefined;
    this.#keeper?.stop();
    await this.#exchange?.stop();
    this.#deps.channels.exchangeEnded(this.#options.digest, outcome);
    if (outcome === 'failed') await blob.detachPartial();
    await partial[Symbol.asyncDispose]();
    if (this.#end !== undefined) await this.#deps.blobs.release(blob);
  }

  async #adopt(blob: SharedBlob): Promise<void> {
    const reader = await this.#deps.store.open(this.#options.digest);
    if (reader === undefined) throw new AppError('blob_unavailable', 'the blob was removed as soon as it was here');
    await blob.becomeWhole(reader);
  }

  async #fetch(partial: PartialBlob, blob: SharedBlob): Promise<void> {
    if (blob.pieceCount > 1) {
      await this.#exchangePieces(partial, blob);
      return;
    }
    const { digest, sizeBytes, located } = this.#options;
    const deps = {
      ...this.#deps,
      record: this.#options.record,
      room: this.#room,
      badPiece: (connection: PeerConnection, piece: number) => this.#badPiece(connection, piece),
      locateAgain: async () => (await this.#locateAgain()).neighbours,
      lagging: (classes: readonly number[]) => this.#reports.lagging(classes),
    };
    const giver = await fetchSmallBlob(deps, { digest, partial, neighbours: located.neighbours }, this.#signal);
    blob.has.add(0);
    this.#deps.metrics.piece('verified');
    this.#deps.metrics.received(giver, sizeBytes);
    if (giver.isToOtherZone) this.#smallFromOtherZone += sizeBytes;
  }

  async #exchangePieces(partial: PartialBlob, blob: SharedBlob): Promise<void> {
    const { clock, random, channels } = this.#deps;
    const { digest, located, linkBytesPerSecond, record } = this.#options;
    const room = this.#room;
    const completed = new Promise<void>((resolve, reject) => {
      const owner: ExchangeOwner = {
        foretold: (piece) => channels.foretell(digest, piece),
        retracted: (piece) => channels.retract(digest, piece),
        verified: (piece, channel) => this.#verified(blob, piece, channel),
        badPiece: (channel, piece) => {
          this.#badPiece(channel.connection, piece);
          channels.close(channel);
        },
        stalled: (channel) => this.#stalled(channel.connection.peerId),
        lagging: (classes) => this.#reports.lagging(classes),
        fellBehind: () => this.#reports.fellBehind(),
        standingOf: (nodeId) => this.#keeper?.standingOf(nodeId) ?? { named: undefined, isTakenBack: false },
        complete: resolve,
        failed: reject,
      };
      this.#exchange = new PieceExchange({ partial, blob, clock, random, owner, record, room }, { linkBytesPerSecond });
    });
    const exchange = this.#exchange;
    const use = (connection: PeerConnection): void => {
      if (exchange !== undefined && connection.isOpen) channels.openFor(connection, blob, exchange);
    };
    const renamed = (): void => exchange?.renamed();
    const locateAgain = (): Promise<Relocation> => this.#locateAgain();
    this.#keeper = new NeighbourKeeper({ ...this.#deps, use, renamed, locateAgain }, { digest });
    this.preferReaders();
    this.needsChanged();
    this.#keeper.start(located.neighbours);
    if (!this.isProvisional) this.#takeEarly();
    await withSignal(completed, this.#signal);
  }

  get #room() {
    const { downloads, share } = this.#deps;
    return { limiter: downloads, share, priority: () => this.#owner.priority() };
  }

  #verified(blob: SharedBlob, piece: number, channel: BlobChannel): void {
    const { metrics, channels } = this.#deps;
    metrics.piece('verified');
    metrics.received(channel.connection, blob.pieceLength(piece));
    channels.announce(this.#options.digest, piece);
    this.#owner.verified(piece);
  }

  /** Neighbours as of now: from the coordinator, or peers that have the same table. @throws the signal's reason */
  async #locateAgain(): Promise<Relocation> {
    const { locator } = this.#deps;
    const { located } = this.#options;
    const known = await locator.askCoordinator(this.#options, this.#signal);
    // The coordinator may still tell the table that led nowhere before.
    if (known === undefined || (this.isProvisional && this.#options.doubts.has(known.table))) {
      const holders = await locator.holders(this.#options, located.table, this.#signal);
      for (const { nodeId } of holders) this.#vouchers.add(nodeId);
      return { neighbours: holders, areAll: false };
    }
    this.#options.record.named(known.neighbours);
    const relocation = { neighbours: known.neighbours, areAll: true };
    if (!this.isProvisional) return relocation;
    if (isSameTable(known.table, located.table)) this.#confirm();
    else {
      this.#blameVouchers();
      this.#giveUp('revoked');
    }
    return relocation;
  }

  #confirm(): void {
    if (this.#blob === undefined) return;
    this.#blob.confirm();
    this.#owner.confirmed();
    this.#early.length = 0; // the answer that confirms it names everybody
    for (let piece = this.#blob.has.next(0); piece >= 0; piece = this.#blob.has.next(piece + 1)) {
      this.#deps.channels.announce(this.#options.digest, piece);
    }
  }

  /** A peer sent other bytes than the table says. Several of them, and the table is in doubt. */
  #badPiece(connection: PeerConnection, pieceIndex: number): void {
    const { log, metrics, peers } = this.#deps;
    const { digest } = this.#options;
    const { peerId } = connection;
    metrics.piece('bad');
    if (this.#blame(peerId)) log.warn({ peer: peerId, digest, piece: pieceIndex }, 'peer sent a wrong piece; dropped');
    this.#keeper?.closed(peerId, 'refused');
    this.#offenders.add(peerId);
    if (!this.isProvisional) {
      if (this.#offenders.size === DOUBT_AFTER && impliedTable(this.#options) === undefined) void this.#askAround();
      return;
    }
    if ([...this.#vouchers].every((nodeId) => peers.isRefused(nodeId, digest))) this.#giveUp('deserted');
  }

  /** Asks those who have the blob how it is cut, and gives the table up when they know better. */
  async #askAround(): Promise<void> {
    const { locator, log, peers } = this.#deps;
    const { located, doubts, digest } = this.#options;
    try {
      const opinions = await locator.opinions(this.#options, this.#signal);
      if (!doubts.isOutvoted(located.table, opinions)) return;
      log.warn(
        { digest, asked: opinions.length },
        'the piece table of a blob seems to be wrong; taking that of its holders',
      );
      doubts.suspect(located.table);
      peers.forgive(digest);
      this.#giveUp('revoked');
    } catch (error) {
      if (!this.#signal.aborted) log.warn({ digest, err: error }, 'a piece table in doubt could not be compared');
    }
  }

  /** Counts an offence for every node that gave the table, which is not that of the blob. */
  #blameVouchers(): void {
    const { digest } = this.#options;
    for (const nodeId of this.#vouchers) {
      if (this.#blame(nodeId)) this.#deps.log.warn({ peer: nodeId, digest }, 'peer gave a wrong piece table; dropped');
    }
  }

  /** Counts an offence, and reports it to the coordinator. @returns true unless it was counted before. */
  #blame(nodeId: string): boolean {
    const { peers, reports } = this.#deps;
    const { digest } = this.#options;
    const isNews = peers.offended(nodeId, digest);
    if (isNews) reports.report({ nodeId, digest, reason: 'bad_piece' });
    return isNews;
  }

  #stalled(nodeId: string): void {
    const { log, metrics, reports } = this.#deps;
    const { digest } = this.#options;
    log.info({ peer: nodeId, digest }, 'peer is silent past its deadline; asking others');
    metrics.stalled();
    reports.report({ nodeId, digest, reason: 'stalled' });
  }

  /** Applies the changes of neighbours that came before they could be used. */
  #takeEarly(): void {
    for (const news of this.#early.splice(0)) this.neighboursChanged(news);
    if (this.#wasEarlyLost) void this.#keeper?.relocate();
  }

  #giveUp(end: 'revoked' | 'deserted'): void {
    this.#end ??= end;
    this.#over.abort(new AppError('blob_unavailable', 'this piece table is of no use any more'));
  }
}
