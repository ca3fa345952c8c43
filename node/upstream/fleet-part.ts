// This host's part in a fetch that the whole fleet shares.
//
//   fetcher   takes the bytes from the upstream, and tells the coordinator the hash of each piece as it comes
//   reader    hears these hashes, takes the bytes from the host that the coordinator names, compares each piece before anybody
//             gets it, and gives it to others in turn
//
//   reader ──(the fetcher is gone, and the coordinator gives the turn to this host)──▶ fetcher, from the byte where it is
//     └─────(nothing comes from the others for a minute)──▶ alone, from the last piece that was compared
//
// Whatever a piece's hash says, the digest of the whole decides at the end, on every host for itself.

import { randomUUID } from 'node:crypto';
import pLimit from 'p-limit';
import type { Digest } from '../../shared/oci/digest.ts';
import { HASH_BYTES, LEAF_BYTES } from '../../shared/pieces/piece-table.ts';
import { ProvisionalTable } from '../../shared/pieces/provisional-table.ts';
import { MAX_TOLD_PIECES, type FleetFetch } from '../../shared/protocol/cache-methods.ts';
import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import type { Peer } from '../../shared/protocol/peer-shape.ts';
import { Changes } from '../../shared/runtime/changes.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import { joinSignals } from '../../shared/runtime/joined-signal.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { ArrivingLeaves } from '../content/arriving-leaves.ts';
import { chunkedBody } from '../content/body.ts';
import type { ArrivingBlob } from '../content/blob-store.ts';
import type { BlobOrigin, BlobSupply, FetchPart } from './blob-fetch.ts';
import { ASK_AGAIN_MS, type SharedTurn } from './fleet-turns.ts';
import { leavesFrom } from './leaf-stream.ts';
import { PieceCheck } from './piece-check.ts';
import { PieceTeller, REMIND_MS } from './piece-teller.ts';
import { SourceChoice } from './source-choice.ts';

export interface FleetPartDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly link: CoordinatorLink;
  readonly leaves: Pick<ArrivingLeaves, 'fetch' | 'blame'>;
  /**
   * Other hosts are not to be relied on for this blob (`proven`), or gave no more of it for a reason that an honest fleet has once (`suspected`).
   */
  readonly onWrong: (sort: 'proven' | 'suspected') => void;
}

export class FleetPart implements FetchPart {
  readonly #deps: FleetPartDeps;
  readonly #digest: Digest;
  readonly #repository: string;
  readonly #upstream: BlobOrigin;
  readonly #over = new AbortController();
  readonly #changes = new Changes();
  /** Hashes are asked for one at a time, and never beside a step back. */
  readonly #hashing = pLimit(1);
  readonly #sources: SourceChoice;
  readonly #teller: PieceTeller;
  #role: 'fetcher' | 'reader' | 'alone';
  readonly #fetchId: string;
  /** The other host whose word the table is, or was in part. */
  #fetcherId: string | undefined;
  #table: ProvisionalTable | undefined;
  /** What another host had fetched when this one took over; it is compared, too. */
  #borrowedPieces = 0;
  #arriving: ArrivingBlob | undefined;
  #check: PieceCheck | undefined;
  /** Ends the body that is being read. */
  #reading = new AbortController();
  /** Nothing comes from the others: what comes from now on is the upstream's. */
  #isStuck = false;
  /** Others began anew or fell silent in the middle, as they do when the host that fetches is another all of a sudden. */
  #isLeft = false;
  #joined: ReturnType<typeof joinSignals> | undefined;
  #isReceived = false;
  #failure: AppError | undefined;
  /** When the coordinator was asked last. */
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor(
    deps: FleetPartDeps,
    options: {
      readonly digest: Digest;
      readonly repository: string;
      readonly upstream: BlobOrigin;
      readonly turn: SharedTurn;
    },
  ) {
    const { turn } = options;
    this.#deps = deps;
    this.#digest = options.digest;
    this.#repository = options.repository;
    this.#upstream = options.upstream;
    this.#role = turn.type === 'fetch' ? 'fetcher' : 'reader';
    this.#fetchId = turn.fetch?.fetchId ?? randomUUID();
    this.#sources = new SourceChoice(deps.clock.nowMs());
    this.#teller = new PieceTeller(deps, {
      digest: this.#digest,
      repository: this.#repository,
      fetchId: this.#fetchId,
    });
    if (turn.fetch !== undefined) this.#heard(turn.fetch);
    if (this.#role === 'fetcher') this.#borrow();
    void this.#run();
  }

  /** True for a host that reads what another fetches. */
  get isReader(): boolean {
    return this.#role === 'reader';
  }

  async open(fromByte: number, signal: AbortSignal): Promise<BlobSupply | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#isStuck && this.isReader) throw nothingComes(this.#digest); // it comes again after a step back
      const either = this.#newReading(signal);
      if (this.#role !== 'reader') return this.#upstream.open(fromByte, either);
      const [source, table] = [this.#sources.current, this.#table];
      if (source !== undefined && table !== undefined) {
        const firstByte = fromByte - (fromByte % LEAF_BYTES);
        this.#sources.opened();
        const chunks = this.#read({ source, table, firstByte }, either);
        return { sizeBytes: table.sizeBytes, firstByte, body: chunkedBody(chunks) };
      }
      await this.#changes.next(signal);
    }
  }

  /** @returns what ends the next body. */
  #newReading(signal: AbortSignal): AbortSignal {
    this.#joined?.[Symbol.dispose]();
    this.#reading = new AbortController();
    this.#joined = joinSignals([signal, this.#reading.signal]);
    return this.#joined.signal;
  }

  begun(arriving: ArrivingBlob): void {
    if (this.#arriving !== undefined) return;
    this.#arriving = arriving;
    if (this.#role === 'alone') return;
    this.#table ??= new ProvisionalTable(arriving.sizeBytes);
    if (this.#table.sizeBytes !== arriving.sizeBytes)
      this.#fail(new AppError('digest_mismatch', 'hosts were told different sizes of one blob'));
    void this.#compare(arriving, this.#table);
    this.#changes.tell();
  }

  passableBytes(cameBytes: number): number {
    return Math.min(cameBytes, this.#isCompared ? cameBytes : (this.#check?.checkedBytes ?? 0));
  }

  get isLimiting(): boolean {
    return !this.#isCompared;
  }

  changed(signal: AbortSignal): Promise<void> {
    return this.#changes.next(signal);
  }

  async stepBack(): Promise<void> {
    const [arriving, check] = [this.#arriving, this.#check];
    if (arriving === undefined || check === undefined || this.#role === 'alone') return;
    if (this.isReader && this.#sources.isBarrenAt(arriving.readableBytes)) this.#isStuck = true;
    if (this.#isStuck) {
      await this.#hashing(() => arriving.stepBack(check.checkedBytes));
      this.#goAlone();
      return;
    }
    // What came is compared first, while it is known who gave it; what is right need not come again.
    const isWaiting = (): boolean => !this.#isStuck && !this.#sources.isWrong && this.#failure === undefined;
    while (check.isBehind && !this.#isCompared && isWaiting()) await this.#changes.next(this.#over.signal);
    if (this.#sources.isWrong) await this.#hashing(() => arriving.stepBack(check.checkedBytes));
    this.#sources.steppedBack(check.checkedPieces);
    this.#changes.tell();
  }

  async received(signal: AbortSignal): Promise<void> {
    while (!this.#isCompared) {
      if (this.#failure !== undefined) throw this.#failure;
      this.#reading.signal.throwIfAborted();
      await this.#changes.next(signal);
    }
    this.#isReceived = true;
    await this.#hashing(() => undefined);
  }

  async verified(arriving: ArrivingBlob): Promise<void> {
    this.#changes.tell();
    if (this.#role !== 'fetcher') return;
    const ours = this.#table;
    if (ours === undefined || !this.#teller.isWorthTelling(ours.sizeBytes)) return;
    const { signal } = this.#over;
    try {
      const { hashes } = await arriving.table();
      ours.add(ours.knownPieces, hashes.subarray(ours.knownPieces * HASH_BYTES));
      await this.#teller.tellRest(ours, signal); // the others wait for it
    } catch (err) {
      if (!signal.aborted)
        this.#deps.log.debug({ err, digest: this.#digest }, 'the coordinator did not hear of a fetch');
    }
  }

  ended(failure: Error | undefined): void {
    if (this.#over.signal.aborted) return;
    this.#joined?.[Symbol.dispose]();
    const { link, log } = this.#deps;
    const digest = this.#digest;
    this.#over.abort(new AppError('blob_unavailable', 'this fetch is over'));
    this.#changes.tell();
    if (this.#role === 'reader' && failure === undefined) return; // it goes on giving to those who read from it
    const isWrong = isAppError(failure, 'digest_mismatch');
    // A size that is too large for this disk may be a lie, too.
    const isOthersWord = this.#fetcherId !== undefined && (isWrong || isAppError(failure, 'not_enough_space'));
    if (isOthersWord || this.#isStuck) this.#deps.onWrong('proven');
    else if (this.#isLeft) this.#deps.onWrong('suspected');
    if (!link.isConnected) return;
    link
      .call('cache.unlease', { digest, ...(isWrong ? { isWrong } : {}) }, new AbortController().signal)
      .catch((err: unknown) => log.debug({ err, digest }, 'the coordinator did not hear that a fetch ended'));
  }

  /** All that is to be compared with what another host said is as that says. */
  get #isCompared(): boolean {
    const checkedPieces = this.#check?.checkedPieces ?? 0;
    if (this.#role === 'alone') return true;
    if (this.#role === 'fetcher') return checkedPieces >= this.#borrowedPieces;
    return this.#check?.isComplete === true;
  }

  async *#read(
    how: { readonly source: Peer; readonly table: ProvisionalTable; readonly firstByte: number },
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    try {
      yield* leavesFrom(this.#deps, { ...how, digest: this.#digest, changes: this.#changes }, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      this.#sources.lose(how.source.nodeId);
      this.#logLeft(how.source.nodeId, error instanceof Error ? error.message : String(error));
      throw new AppError('upstream_unavailable', 'a host of the fleet gives no more of this blob', { cause: error });
    }
  }

  /** Compares pieces for as long as there is something to compare. */
  async #compare(arriving: ArrivingBlob, table: ProvisionalTable): Promise<void> {
    const { signal } = this.#over;
    const limited = {
      get readableBytes() {
        return arriving.readableBytes;
      },
      grown: (position: number, stop: AbortSignal) => arriving.grown(position, stop),
      read: (target: Uint8Array, position: number) => arriving.read(target, position),
      pieces: (first: number) => this.#hashing(() => arriving.pieces(first)),
    };
    const check = new PieceCheck({ arriving: limited, table, changes: this.#changes });
    this.#check = check;
    try {
      while (!this.#isCompared) {
        if ((await check.next(signal)) || this.#isStuck) continue;
        this.#wrongPiece(check.checkedPieces);
        while (this.#sources.isWrong) await this.#changes.next(signal);
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#fail(new AppError('upstream_unavailable', 'what came could not be compared', { cause: error }));
    }
  }

  #wrongPiece(pieceIndex: number): void {
    const digest = this.#digest;
    const { liar, isHopeless } = this.#sources.wrongPiece({ pieceIndex, isReader: this.isReader });
    if (liar !== undefined) {
      this.#deps.leaves.blame(liar.nodeId, digest);
      this.#logLeft(liar.nodeId, 'wrong piece');
    }
    if (isHopeless)
      this.#fail(new AppError('digest_mismatch', 'hosts have different pieces of one blob', { detail: { digest } }));
    this.#reading.abort(new AppError('upstream_unavailable', 'a host of the fleet sent a wrong piece'));
    this.#changes.tell();
  }

  #logLeft(nodeId: string, why: string): void {
    this.#deps.log.debug(
      { peer: nodeId, digest: this.#digest, why },
      'a blob is read along from another host from now on',
    );
  }

  #failLeft(why: string): void {
    this.#isLeft = true;
    this.#fail(new AppError('blob_unavailable', why));
  }

  #fail(failure: AppError): void {
    this.#failure ??= failure;
    this.#reading.abort(failure);
    this.#changes.tell();
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps;
    const { signal } = this.#over;
    while (!signal.aborted && this.#role !== 'alone') {
      try {
        const hasMore = this.#role === 'fetcher' ? await this.#tell(signal) : await this.#ask(signal);
        if (!hasMore) await clock.sleep(ASK_AGAIN_MS, signal);
      } catch (err) {
        if (signal.aborted) return;
        log.debug({ err, digest: this.#digest }, 'the coordinator did not hear of a fetch');
        await clock.sleep(ASK_AGAIN_MS, signal).catch(() => undefined); // over: the loop sees it
      }
    }
  }

  /** As fetcher: what came since. @returns true when there is more to say at once. */
  async #tell(signal: AbortSignal): Promise<boolean> {
    const [table, arriving] = [this.#table, this.#arriving];
    if (table === undefined || arriving === undefined || !this.#teller.isWorthTelling(table.sizeBytes)) {
      await this.#teller.remind(signal);
      return false;
    }
    const from = table.knownPieces;
    if (!this.#isReceived && this.#isCompared) table.add(from, await this.#hashing(() => arriving.pieces(from)));
    return this.#teller.tell(table, signal);
  }

  /** As reader: hashes, and whom to read from. @returns true when there are more hashes at once. */
  async #ask(signal: AbortSignal): Promise<boolean> {
    const { clock, link } = this.#deps;
    const table = this.#table;
    this.#watchSource();
    const isSettled = table?.isComplete === true && this.#sources.current !== undefined;
    if (isSettled && clock.nowMs() - this.#askedMs < REMIND_MS) return false;
    const lost = this.#sources.lostId;
    const reads = {
      repository: this.#repository,
      fetchId: this.#fetchId,
      knownPieces: table?.knownPieces ?? 0,
      isReading: true,
      ...(lost === undefined ? {} : { lost }),
    };
    const { state, fetch } = await link.call('cache.lease', { digest: this.#digest, reads }, signal);
    this.#askedMs = clock.nowMs();
    this.#sources.lossTold(lost);
    if (fetch !== undefined) this.#heard(fetch);
    else if (state === 'held' && table?.isComplete !== true)
      this.#failLeft('the host that fetched this blob has it, and says no more of its pieces');
    if (state === 'turn') this.#takeOver();
    return (fetch?.hashes.byteLength ?? 0) === MAX_TOLD_PIECES * HASH_BYTES;
  }

  #heard({ fetchId, fetcher, sizeBytes, hashes, source }: FleetFetch): void {
    this.#table ??= new ProvisionalTable(sizeBytes);
    const added = fetchId === this.#fetchId ? this.#table.add(this.#table.knownPieces, hashes) : 'contradicts';
    if (added !== 'added' || sizeBytes !== this.#table.sizeBytes)
      this.#failLeft('the fetch of this blob was begun anew');
    this.#fetcherId = fetcher;
    this.#sources.named(source);
    this.#changes.tell();
  }

  /** What the fleet knows is not said again. */
  #borrow(): void {
    this.#borrowedPieces = this.#table?.knownPieces ?? 0;
    this.#teller.skip(this.#borrowedPieces);
  }

  #takeOver(): void {
    this.#role = 'fetcher';
    this.#borrow();
    this.#reading.abort(new AppError('upstream_unavailable', 'the host that fetched this blob is gone'));
    this.#changes.tell();
  }

  #goAlone(): void {
    this.#role = 'alone';
    this.#changes.tell();
  }

  #watchSource(): void {
    const table = this.#table;
    if (table === undefined || this.#isReceived || this.#isStuck) return;
    const cameBytes = this.#arriving?.readableBytes ?? 0; // nobody may have been named to read from yet, and nobody ever be
    const seen = { cameBytes, knownBytes: table.knownBytes, pieceBytes: table.pieceBytes };
    const { slow, isStuck } = this.#sources.look(seen, this.#deps.clock.nowMs());
    this.#isStuck = isStuck;
    if (isStuck) {
      this.#deps.log.warn({ digest: this.#digest }, 'nothing comes of a blob from other hosts; asking its upstream');
      if (this.#arriving === undefined) this.#goAlone();
      this.#reading.abort(nothingComes(this.#digest));
      this.#changes.tell();
      return;
    }
    if (slow === undefined) return;
    this.#logLeft(slow.nodeId, 'slow');
    this.#reading.abort(new AppError('upstream_unavailable', 'a host of the fleet is slow with this blob'));
  }
}

function nothingComes(digest: Digest): AppError {
  return new AppError('upstream_unavailable', 'nothing comes of this blob from other hosts', { detail: { digest } });
}
