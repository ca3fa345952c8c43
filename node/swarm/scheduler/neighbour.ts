// What a download knows about one neighbour. Plain state; the scheduler changes it.

import { isInShare, type PieceShare } from '../../../shared/pieces/piece-share.ts';
import type { PeerPipeline, PipelineUser } from './peer-pipeline.ts';
import { PieceSet } from './piece-set.ts';

/** First rest of a silent neighbour; doubles each time up to the largest. */
const FIRST_REST_MS = 1000;
/** The longest rest of a silent neighbour; then it is asked again. */
const MAX_REST_MS = 60_000;
/**
 * What a silent neighbour was asked for and nobody else was may still come for so long, and is taken: a busy host that stood still for
 * half a second has it on its way. No longer than the first rest, so that nothing is left of it when it is asked again.
 */
const LATE_KEPT_MS = 1000;

/** A piece that was asked of a neighbour, or that it is sending on a credit. */
export interface AskedPiece {
  readonly pieceIndex: number;
  readonly askedMs: number;
  readonly isByCredit: boolean;
}

export class Neighbour implements PipelineUser {
  readonly id: number;
  /** Pieces that it may be asked for: those it has, as far as its share goes. */
  has: PieceSet;
  /** Everything that it has. */
  #announced: PieceSet;
  #share: PieceShare | undefined;
  readonly pipeline: PeerPipeline;
  readonly useRoom: (nowMs: number) => void;
  readonly #asked: AskedPiece[] = [];
  /** `any-piece` requests that this neighbour lets us keep open; 0 when it hands out nothing of its own choice. */
  creditLimit = 0;
  /** Its pieces come by credit and not by number. The scheduler decides; never without a `creditLimit`. */
  isSeeder = false;
  /** Credits asked for whose piece has not begun. */
  openCredits = 0;
  /** When a credit was last asked for. */
  creditAskedMs = 0;
  /** It handed every piece out once. */
  isPassOver = false;
  /** Pieces that it told of since it came, one by one. */
  toldCount = 0;
  /** Requests kept open here. */
  depth: number;
  lastByteMs: number;
  /** Running mean of this neighbour's own times from request to last byte; 0 before the first. */
  recentMs = 0;
  /** Not asked before this time, because it was silent past its deadline. */
  restUntilMs = 0;
  #nextRestMs = FIRST_REST_MS;
  /** What it was asked for is given up then; undefined while it is not late. */
  #lateUntilMs: number | undefined;

  constructor(
    id: number,
    settings: {
      readonly pieceCount: number;
      readonly depth: number;
      readonly nowMs: number;
      readonly pipeline: PeerPipeline;
      /** Asks it for more. */
      readonly useRoom: (nowMs: number) => void;
    },
  ) {
    this.id = id;
    this.pipeline = settings.pipeline;
    this.useRoom = settings.useRoom;
    this.pipeline.join(this);
    this.has = new PieceSet(settings.pieceCount);
    this.#announced = this.has;
    this.depth = settings.depth;
    this.lastByteMs = settings.nowMs;
  }

  /** Oldest first. */
  get asked(): readonly AskedPiece[] {
    return this.#asked;
  }

  /** True while one more piece may be asked for by number: always one of this blob, others while the peer has room. */
  get hasRoom(): boolean {
    const own = this.#asked.length;
    return own === 0 || (own < this.depth && this.pipeline.askedCount < this.depth);
  }

  ask(asked: AskedPiece): void {
    this.#asked.push(asked);
    if (!asked.isByCredit) this.pipeline.asked();
  }

  /** Replaces what is known of its pieces. */
  setPieces(announced: PieceSet): void {
    this.#announced = announced;
    this.has = this.#limited();
  }

  /** @param share what it may be asked for; undefined for everything. */
  setShare(share: PieceShare | undefined): void {
    this.#share = share;
    this.has = this.#limited();
  }

  /** It told that it has everything, whether we may ask for it or not. */
  get isWhole(): boolean {
    return this.#announced.isComplete;
  }

  /** False while nothing at all may be asked of it. */
  get isAskable(): boolean {
    return this.#share === undefined || this.#share.classes.length > 0;
  }

  /** It got a piece. @returns true when that may be asked of it and could not before. */
  gained(piece: number): boolean {
    const isNew = this.#announced.add(piece);
    if (isNew) this.toldCount += 1;
    if (this.has === this.#announced) return isNew;
    return isInShare(this.#share, piece) && this.has.add(piece);
  }

  /** It does not give a piece. @returns true when that could be asked of it before. */
  lost(piece: number): boolean {
    const wasThere = this.has.remove(piece);
    this.#announced.remove(piece);
    return wasThere;
  }

  #limited(): PieceSet {
    if (this.#share === undefined) return this.#announced;
    const limited = new PieceSet(this.#announced.length);
    for (let piece = this.#announced.next(0); piece >= 0; piece = this.#announced.next(piece + 1)) {
      if (isInShare(this.#share, piece)) limited.add(piece);
    }
    return limited;
  }

  /** Takes an asked piece off the list. @returns undefined when it was not asked here (any more). */
  remove(pieceIndex: number): AskedPiece | undefined {
    const at = this.#asked.findIndex((asked) => asked.pieceIndex === pieceIndex);
    if (at < 0) return undefined;
    const [asked] = this.#asked.splice(at, 1);
    if (asked?.isByCredit === false) this.pipeline.over();
    return asked;
  }

  /** What is asked of it is late: it counts as asked of nobody. */
  get isLate(): boolean {
    return this.#lateUntilMs !== undefined;
  }

  /** What is late is not waited for any more. */
  isLateOver(nowMs: number): boolean {
    return this.#lateUntilMs !== undefined && nowMs >= this.#lateUntilMs;
  }

  /** It sends again, or what is late was given up. */
  lateEnds(): void {
    this.#lateUntilMs = undefined;
  }

  /** It was silent past its deadline: it is left alone for a while. */
  rest(nowMs: number): void {
    this.#lateUntilMs = nowMs + LATE_KEPT_MS;
    this.restUntilMs = nowMs + this.#nextRestMs;
    this.#nextRestMs = Math.min(MAX_REST_MS, this.#nextRestMs * 2);
  }

  /** A piece came: it is well again. */
  answered(nowMs: number): void {
    this.lastByteMs = nowMs;
    this.restUntilMs = 0;
    this.#nextRestMs = FIRST_REST_MS;
  }

  /** It is a neighbour no more. @returns what was asked of it. */
  leave(): AskedPiece[] {
    this.pipeline.leave(this);
    const all = this.#asked.splice(0);
    for (const asked of all) if (!asked.isByCredit) this.pipeline.over();
    return all;
  }

  isAsked(pieceIndex: number): boolean {
    for (const asked of this.#asked) if (asked.pieceIndex === pieceIndex) return true;
    return false;
  }

  /** Credits in use: open, or with their piece on the way. */
  get creditsInUse(): number {
    return this.openCredits + this.#asked.length - this.askedByNumber;
  }

  /** Pieces asked of it that we chose. */
  get askedByNumber(): number {
    let count = 0;
    for (const asked of this.#asked) if (!asked.isByCredit) count += 1;
    return count;
  }

  /** For how long nothing came although a credit may be open. */
  creditSilentMs(nowMs: number): number {
    return nowMs - Math.max(this.lastByteMs, this.creditAskedMs);
  }
}
