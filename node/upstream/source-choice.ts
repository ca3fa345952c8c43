// Which host of the fleet a blob is read from, when it is left for another, and what a wrong piece says about it. Pure.

import type { Peer } from '../../shared/protocol/peer-shape.ts';
import { SourceWatch, type ReadingState } from './source-watch.ts';

/** Hosts that may send wrong pieces of one blob; after more of them it is the table that is wrong. */
const MAX_WRONG_SOURCES = 3;
/** Sources in a row that gave nothing before a reader asks the upstream itself: with one more its fetch would fail. */
const MAX_BARREN_SOURCES = 3;
/**
 * A reader to which nothing comes for so long leaves the others and asks the upstream itself: clients begin to give up after a minute, and a
 * fetch whose upstream is silent for that long has failed before. To this the time of a piece on the slowest line is added.
 */
const NO_PROGRESS_MS = 60_000;
/**
 * The slowest line of a fetch that is worth waiting for, half a Mbit/s: nothing is told of a piece before all of it came, which on such a line
 * takes 2 s for one of 128 KiB and 64 s for one of 4 MiB. On a slower one a host that reads along may ask the upstream, too.
 */
const SLOWEST_LINE_BYTES_PER_SECOND = 64 * 1024;

/**
 * What follows from a wrong piece.
 * @property liar who sent it, and is left; undefined when nobody can be blamed for it.
 * @property isHopeless true when nobody knows which of the hosts is right, so that the fetch has to end.
 */
export interface WrongPiece {
  readonly liar: Peer | undefined;
  readonly isHopeless: boolean;
}

/**
 * What follows from a look at how much comes.
 * @property slow who gives nothing or little, and is left.
 * @property isStuck true when nothing came for so long that the others are no use.
 */
export interface Pace {
  readonly slow: Peer | undefined;
  readonly isStuck: boolean;
}

export class SourceChoice {
  readonly #watch: SourceWatch;
  #current: Peer | undefined;
  #givenBy: Peer | undefined;
  #lostId: string | undefined;
  #wrongSources = 0;
  #barrenSources = 0;
  #barrenByte = 0;
  #isWrong = false;
  /** The piece in the middle of which another host went on. */
  #mixedPiece: number | undefined;

  /** @param nowMs monotonic milliseconds, as in `look`. */
  constructor(nowMs: number) {
    this.#watch = new SourceWatch(nowMs);
  }

  /** Whom to read from; undefined while the coordinator has named nobody, or nobody since the last one was left. */
  get current(): Peer | undefined {
    return this.#current;
  }

  /** The source that was left last, until the coordinator has heard of it. */
  get lostId(): string | undefined {
    return this.#lostId;
  }

  /** True from a wrong piece on until it was taken back. */
  get isWrong(): boolean {
    return this.#isWrong;
  }

  /** The coordinator names whom to read from. */
  named(source: Peer | undefined): void {
    if (source?.nodeId !== this.#current?.nodeId) this.#current = source;
  }

  /** A body of the current source is opened: what comes from now on is given by it. */
  opened(): void {
    this.#givenBy = this.#current;
  }

  /** Leaves a source. */
  lose(nodeId: string): void {
    this.#lostId = nodeId;
    if (this.#current?.nodeId === nodeId) this.#current = undefined;
  }

  /** The coordinator has heard that a source was left. */
  lossTold(lostId: string | undefined): void {
    if (this.#lostId === lostId) this.#lostId = undefined;
  }

  /**
   * A piece is another than it should be. Of a piece of which two hosts gave parts neither can be blamed. Who took over compares with what
   * another host fetched: when that differs, nobody knows which of the upstream's answers is right.
   */
  wrongPiece(piece: { readonly pieceIndex: number; readonly isReader: boolean }): WrongPiece {
    this.#isWrong = true;
    const isMixed = this.#mixedPiece === piece.pieceIndex;
    if (!isMixed) this.#wrongSources += 1;
    const liar = !isMixed && piece.isReader ? this.#givenBy : undefined;
    if (liar !== undefined) this.lose(liar.nodeId);
    return { liar, isHopeless: (!isMixed && !piece.isReader) || this.#wrongSources >= MAX_WRONG_SOURCES };
  }

  /** What was wrong is taken back, or another body goes on in the middle of the piece with that number. */
  steppedBack(pieceIndex: number): void {
    this.#mixedPiece = this.#isWrong ? undefined : pieceIndex;
    this.#isWrong = false;
  }

  /** A body ended where `atByte` is the next one. @returns true when several in a row gave nothing. */
  isBarrenAt(atByte: number): boolean {
    this.#barrenSources = atByte > this.#barrenByte ? 0 : this.#barrenSources + 1;
    this.#barrenByte = atByte;
    return this.#barrenSources >= MAX_BARREN_SOURCES;
  }

  /** Leaves a source from which nothing comes, or much less than there is. Call it often. */
  look(state: ReadingState, nowMs: number): Pace {
    const { isSlow, silentMs } = this.#watch.look(state, nowMs);
    const slow = isSlow ? this.#current : undefined;
    if (slow !== undefined) this.lose(slow.nodeId);
    const pieceMs = (state.pieceBytes * 1000) / SLOWEST_LINE_BYTES_PER_SECOND;
    return { slow, isStuck: silentMs > NO_PROGRESS_MS + pieceMs };
  }
}
