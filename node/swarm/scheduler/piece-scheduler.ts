// Decides which neighbour is asked for which piece of one blob. No sockets, no timers, no clock, no chance of its own: the
// node feeds it what happens, the simulator feeds it what it makes up, and both run these very lines. What becomes of each
// piece is told in piece-states.ts.

import { isInShare, type PieceShare } from '../../../shared/pieces/piece-share.ts';
import { creditsToAsk } from './credits.ts';
import { areHoldersFew } from './few-holders.ts';
import { LateRequests } from './late-requests.ts';
import { longestAsked, waitingCount } from './longest-asked.ts';
import { LostPieces } from './lost-pieces.ts';
import { Neighbour } from './neighbour.ts';
import { OwnPace } from './own-pace.ts';
import { PeerPipeline } from './peer-pipeline.ts';
import type { PieceNeeds } from './piece-needs.ts';
import { NO_PIECE, PiecePicker } from './piece-picker.ts';
import type { PieceSet } from './piece-set.ts';
import { PieceStates } from './piece-states.ts';
import { RequestTimes } from './request-times.ts';
import type { SchedulerOptions } from './scheduler-options.ts';

/** What the scheduler wants done. Called while an event is being handled; must not call the scheduler back. */
export interface SchedulerActions {
  request(neighbour: number, pieceIndex: number): void;
  /** Ask a neighbour for any piece, as it offered. */
  requestAny(neighbour: number): void;
  cancel(neighbour: number, pieceIndex: number): void;
  /** A neighbour was silent past its deadline; what it was asked for may be asked of others. */
  stalled(neighbour: number): void;
}

/**
 * Neighbours that are asked for one piece at a time, in the end game; before it each piece is asked of one. Those who have had time enough for
 * it do not count, though they send a little now and then: two who never end would keep the piece from all others.
 */
const MAX_ASKED_TWICE = 2;

/** One blob's downloads from all neighbours. Neighbours are numbers that the caller gives out and may reuse. */
export class PieceScheduler {
  readonly #actions: SchedulerActions;
  readonly #options: Required<SchedulerOptions>;
  readonly #picker: PiecePicker;
  readonly #neighbours: Array<Neighbour | undefined> = [];
  readonly #pieces: PieceStates;
  readonly #late: LateRequests;
  readonly #lost: LostPieces;
  readonly #times: RequestTimes;
  readonly #pace = new OwnPace();
  #neighbourCount = 0;
  /** Who is asked first when all are: another each time that there is little room, so that none has it all. */
  #firstTurn = 0;

  constructor(actions: SchedulerActions, options: SchedulerOptions) {
    this.#actions = actions;
    this.#options = { firstDeadlineMs: 3000, minDeadlineMs: 500, mayAsk: () => true, ...options };
    this.#times = new RequestTimes(this.#options);
    this.#picker = new PiecePicker(options.pieceCount);
    this.#pieces = new PieceStates(this.#picker, options.pieceCount);
    this.#late = new LateRequests({ pieces: this.#pieces, cancel: (id, piece) => actions.cancel(id, piece) });
    this.#lost = new LostPieces(options.pieceCount);
  }

  get isComplete(): boolean {
    return this.#picker.isComplete;
  }

  /** Where clients read, as piece numbers. */
  setReaders(pieces: readonly number[]): void {
    this.#picker.setReaders(pieces);
  }

  /** What is to be fetched; undefined for everything alike. What was asked for and is not needed any more still comes. */
  setNeeds(needs: PieceNeeds | undefined, nowMs: number): void {
    this.#picker.setNeeds(needs, (piece) => this.#pieces.isFree(piece));
    this.#chooseSeeder(nowMs);
    this.#fillAll(nowMs);
  }

  /** More may be asked for than when `mayAsk` said no. */
  roomAgain(nowMs: number): void {
    this.#firstTurn += 1;
    this.#fillAll(nowMs);
  }

  /** A piece that was verified in an earlier life of this download. */
  pieceKept(piece: number): void {
    this.#picker.hold(piece);
  }

  /** @param pipeline of the connection, which other blobs share. */
  neighbourAdded(id: number, nowMs: number, pipeline = new PeerPipeline()): void {
    const { pieceCount, depth } = this.#options;
    const neighbour = new Neighbour(id, {
      pieceCount,
      depth,
      nowMs,
      pipeline,
      useRoom: (laterMs) => this.#fill(neighbour, laterMs),
    });
    this.#neighbours[id] = neighbour;
    this.#neighbourCount += 1;
  }

  setDepth(id: number, depth: number): void {
    const neighbour = this.#neighbours[id];
    if (neighbour !== undefined) neighbour.depth = depth;
  }

  /** Replaces what is known of a neighbour's pieces. */
  neighbourPieces(id: number, has: PieceSet, nowMs: number): void {
    this.#setAskable(id, (neighbour) => neighbour.setPieces(has), nowMs);
  }

  /**
   * What may be asked of a neighbour; undefined for everything, as at first. The rest is taken back but for the oldest, which is
   * under way.
   */
  setShare(id: number, share: PieceShare | undefined, nowMs: number): void {
    const neighbour = this.#neighbours[id];
    const underWay = neighbour?.asked[0]?.pieceIndex;
    if (neighbour !== undefined) {
      this.#late.takeBack(neighbour, (piece) => piece !== underWay && !isInShare(share, piece));
    }
    this.#setAskable(id, (changed) => changed.setShare(share), nowMs);
  }

  #setAskable(id: number, change: (neighbour: Neighbour) => void, nowMs: number): void {
    const neighbour = this.#neighbours[id];
    if (neighbour === undefined) return;
    if (!neighbour.isSeeder) this.#picker.countHolder(neighbour.has, -1);
    change(neighbour);
    if (!neighbour.isSeeder) this.#picker.countHolder(neighbour.has, 1);
    this.#chooseSeeder(nowMs);
    this.#fill(neighbour, nowMs);
  }

  neighbourHas(id: number, piece: number, nowMs: number): void {
    const neighbour = this.#neighbours[id];
    if (neighbour === undefined || !neighbour.gained(piece) || neighbour.isSeeder) return;
    this.#picker.holderAdded(piece);
    if (neighbour.has.isComplete) this.#chooseSeeder(nowMs);
    if (this.#picker.wanted.has(piece)) this.#fill(neighbour, nowMs);
  }

  /** A neighbour tells how many pieces of its own choice it gives at a time; 0 when it gives none so. */
  neighbourOffers(id: number, offer: { readonly credits: number; readonly isPassOver: boolean }, nowMs: number): void {
    const neighbour = this.#neighbours[id];
    if (neighbour === undefined) return;
    neighbour.creditLimit = offer.credits;
    neighbour.isPassOver = offer.isPassOver;
    this.#chooseSeeder(nowMs);
    this.#fill(neighbour, nowMs);
  }

  neighbourGone(id: number, nowMs: number): void {
    const neighbour = this.#neighbours[id];
    if (neighbour === undefined) return;
    this.#neighbours[id] = undefined;
    this.#neighbourCount -= 1;
    if (!neighbour.isSeeder) this.#picker.countHolder(neighbour.has, -1);
    for (const asked of neighbour.leave()) this.#pieces.givenBack(asked.pieceIndex);
    this.#chooseSeeder(nowMs);
    this.#fillAll(nowMs);
  }

  /** Some bytes came from a neighbour: it is alive, whatever its deadline said. */
  bytesArrived(id: number, nowMs: number): void {
    const neighbour = this.#neighbours[id];
    if (neighbour === undefined) return;
    neighbour.lastByteMs = nowMs;
    this.#late.come(neighbour);
  }

  /** A piece came, whether its hash is known or not. */
  isHere(piece: number): boolean {
    return this.#pieces.isHere(piece);
  }

  /** True while a piece is expected from a neighbour. */
  isAsked(id: number, piece: number): boolean {
    return this.#neighbours[id]?.isAsked(piece) ?? false;
  }

  /** A neighbour began to send a piece of its choice. @returns false when that piece is not needed any more. */
  creditStarted(id: number, piece: number, nowMs: number): boolean {
    const neighbour = this.#neighbours[id];
    if (neighbour === undefined || neighbour.openCredits === 0) return false;
    this.#late.come(neighbour);
    neighbour.openCredits -= 1;
    if (this.#pieces.isHere(piece)) {
      this.#fill(neighbour, nowMs);
      return false;
    }
    this.#ask(neighbour, piece, { nowMs, isByCredit: true });
    return true;
  }

  /** The last byte of a piece came; its hash is not known yet. Ask for the next at once. */
  pieceArrived(id: number, piece: number, nowMs: number): void {
    const neighbour = this.#neighbours[id];
    if (neighbour !== undefined) this.#late.come(neighbour);
    const asked = neighbour?.remove(piece);
    if (neighbour !== undefined && asked !== undefined) {
      this.#pieces.answered(piece);
      neighbour.answered(nowMs);
      this.#times.measure(neighbour, nowMs - asked.askedMs, nowMs);
    }
    if (!this.#pieces.isHere(piece)) this.#pace.arrived();
    this.#pieces.arrived(piece);
    if (this.#pieces.askedCount(piece) > 0) this.#cancelElsewhere(piece, nowMs);
    if (neighbour !== undefined) this.#fillFreed(neighbour, nowMs);
  }

  pieceVerified(piece: number): void {
    this.#pieces.verified(piece);
  }

  /** The hash of an arrived piece was wrong, or it could not be kept. Its sender is the caller's business. */
  pieceBad(piece: number, nowMs: number): void {
    this.#pieces.spoiled(piece);
    this.#fillAll(nowMs);
  }

  /** A neighbour will not send a piece, asked for or not: it does not count as a holder of it any more. */
  requestRejected(id: number, piece: number, nowMs: number): void {
    const neighbour = this.#neighbours[id];
    if (neighbour === undefined) return;
    const wasAsked = neighbour.remove(piece) !== undefined;
    if (neighbour.lost(piece) && !neighbour.isSeeder) this.#picker.holderRemoved(piece);
    if (!wasAsked) return;
    this.#pieces.givenBack(piece);
    this.#fillAll(nowMs);
  }

  /** Looks at deadlines, rests that are over and lost pieces. To be called several times a second. */
  tick(nowMs: number): void {
    for (const neighbour of this.#neighbours) {
      if (neighbour === undefined) continue;
      if (neighbour.isLateOver(nowMs)) this.#late.giveUp(neighbour);
      if (this.#times.isLate(neighbour, nowMs)) this.#rest(neighbour, nowMs);
      else if (neighbour.hasRoom) this.#fill(neighbour, nowMs);
    }
    this.#chooseSeeder(nowMs);
    this.#lookForLost(nowMs);
  }

  /** True when pieces come here much more slowly than to the neighbours; at most once in a while. To be called with `tick`. */
  fellBehind(nowMs: number): boolean {
    if (this.#picker.isPartial || !this.#pace.look(this.#neighbours)) return false;
    this.#chooseSeeder(nowMs);
    return true;
  }

  /**
   * A neighbour that offers pieces of its own choice is left the choice while few have everything. Of many, or when others
   * have most of what is wanted, pieces are asked by number: they would choose the same. So are they when only some pieces are needed, and by a slow host: what it alone
   * was given everybody would wait for.
   */
  #chooseSeeder(nowMs: number): void {
    const areFew =
      !this.#picker.isPartial && !this.#pace.isBehind && areHoldersFew(this.#neighbours, this.#picker.wanted);
    for (const each of this.#neighbours) {
      if (each === undefined) continue;
      const isSeeder = areFew && each.creditLimit > 0 && each.isAskable;
      if (each.isSeeder === isSeeder) continue;
      each.isSeeder = isSeeder;
      this.#picker.countHolder(each.has, isSeeder ? -1 : 1);
      this.#fill(each, nowMs);
    }
  }

  /** Leaves a silent neighbour alone for a while. */
  #rest(neighbour: Neighbour, nowMs: number): void {
    this.#late.begin(neighbour, nowMs);
    this.#actions.stalled(neighbour.id);
    this.#fillAll(nowMs);
  }

  #fillAll(nowMs: number): void {
    const all = this.#neighbours;
    for (let turn = 0; turn < all.length; turn += 1) {
      const neighbour = all[(this.#firstTurn + turn) % all.length];
      if (neighbour !== undefined) this.#fill(neighbour, nowMs);
    }
  }

  /** Asks a neighbour for more after a piece of it is over; other blobs take the room that this one has no use for. */
  #fillFreed(neighbour: Neighbour, nowMs: number): void {
    this.#fill(neighbour, nowMs);
    if (neighbour.hasRoom) neighbour.pipeline.passOn(neighbour, nowMs);
  }

  /** Asks a neighbour for as much as it may be asked for. */
  #fill(neighbour: Neighbour, nowMs: number): void {
    if (nowMs < neighbour.restUntilMs) return;
    this.#late.giveUp(neighbour);
    if (neighbour.isSeeder) {
      this.#askFirst(neighbour, nowMs);
      this.#fillCredits(neighbour, nowMs);
    } else this.#fillByNumber(neighbour, nowMs);
    if (neighbour.asked.length === 0 && this.#picker.wanted.count === 0) this.#endGame(neighbour, nowMs);
  }

  #fillByNumber(neighbour: Neighbour, nowMs: number): void {
    while (neighbour.hasRoom) {
      const piece = this.#pick(neighbour, nowMs);
      if (piece === NO_PIECE || !this.#request(neighbour, piece, nowMs)) break;
    }
  }

  /**
   * While another gives pieces of its own choice, from the first on, one that has everything too is asked from the end, and
   * not for what the other is about to give: the two meet somewhere, and no piece comes twice.
   */
  #pick(neighbour: Neighbour, nowMs: number): number {
    const awaited = neighbour.has.isComplete ? this.#times.awaited(this.#neighbours, nowMs) : 0;
    if (awaited === 0) return this.#picker.pick(neighbour.has, this.#options.random);
    return this.#picker.wanted.count > awaited ? this.#picker.pickLast() : NO_PIECE;
  }

  /**
   * What somebody waits for and no other has is asked of a seeder by number: one piece at a time when it gives to many,
   * who may all wait for the same.
   */
  #askFirst(seeder: Neighbour, nowMs: number): void {
    const limit = seeder.creditLimit > 1 ? seeder.depth : 1;
    while (seeder.askedByNumber < limit) {
      const piece = this.#picker.pickFirst(seeder.has);
      if (piece === NO_PIECE || !this.#request(seeder, piece, nowMs)) return;
    }
  }

  #fillCredits(seeder: Neighbour, nowMs: number): void {
    const now = { neighbourCount: this.#neighbourCount, wantedCount: this.#picker.wanted.count, nowMs };
    for (let left = creditsToAsk(seeder, now); left > 0 && this.#mayAsk(seeder.id); left -= 1) {
      seeder.openCredits += 1;
      seeder.creditAskedMs = nowMs;
      this.#actions.requestAny(seeder.id);
    }
  }

  /**
   * Everything is asked for: an idle neighbour doubles the request that has waited longest elsewhere, if that is late. One that gives to all
   * pieces of its own choice does so only when it is overdue: what comes a little late from another costs it nothing.
   */
  #endGame(idle: Neighbour, nowMs: number): void {
    const { doubledAfterMs, overdueMs } = this.#times;
    const longMs = idle.isSeeder ? overdueMs : doubledAfterMs;
    const isOpen = (piece: number): boolean =>
      this.#pieces.askedCount(piece) < MAX_ASKED_TWICE ||
      waitingCount(this.#neighbours, piece, nowMs - overdueMs) < MAX_ASKED_TWICE;
    const mayDouble = (piece: number): boolean =>
      idle.has.has(piece) && this.#picker.isNeeded(piece) && !this.#pieces.isHere(piece) && isOpen(piece);
    const late = longestAsked(this.#neighbours, { except: idle, longMs, nowMs, mayDouble });
    if (late !== undefined) this.#request(idle, late, nowMs);
  }

  #lookForLost(nowMs: number): void {
    const seeder = this.#neighbours.find((each) => each?.isSeeder && each.isPassOver && nowMs >= each.restUntilMs);
    const now = { isPassOver: seeder !== undefined, intervalMs: this.#times.intervalMs };
    for (const piece of this.#lost.look(this.#picker, now, nowMs)) {
      if (seeder !== undefined && seeder.asked.length < seeder.depth) this.#request(seeder, piece, nowMs);
    }
  }

  /** @returns false when there is no room. */
  #request(neighbour: Neighbour, pieceIndex: number, nowMs: number): boolean {
    if (!this.#mayAsk(neighbour.id)) return false;
    this.#ask(neighbour, pieceIndex, { nowMs, isByCredit: false });
    this.#actions.request(neighbour.id, pieceIndex);
    return true;
  }

  #mayAsk(id: number): boolean {
    const mayAsk = this.#options.mayAsk(id);
    if (!mayAsk) this.#pace.heldBack();
    return mayAsk;
  }

  #ask(neighbour: Neighbour, pieceIndex: number, how: { readonly nowMs: number; readonly isByCredit: boolean }): void {
    this.#late.replaced(this.#neighbours, pieceIndex);
    neighbour.ask({ pieceIndex, askedMs: how.nowMs, isByCredit: how.isByCredit });
    this.#pieces.asked(pieceIndex);
    this.#lost.found(pieceIndex);
  }

  /** All are cancelled before any is asked for more: what is being cancelled must not be doubled. */
  #cancelElsewhere(piece: number, nowMs: number): void {
    const freed: Neighbour[] = [];
    for (const other of this.#neighbours) {
      if (other?.remove(piece) === undefined) continue;
      this.#pieces.answered(piece);
      this.#actions.cancel(other.id, piece);
      freed.push(other);
    }
    for (const other of freed) this.#fillFreed(other, nowMs);
  }
}
