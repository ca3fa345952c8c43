// How long requests of one download take: its deadlines follow from it.

import type { Neighbour } from './neighbour.ts';

/** A deadline is this many times the recent time of a request. */
const DEADLINE_FACTOR = 4;
/** Nobody is given more silence than this; then the piece is asked of another and the neighbour rests. */
const MAX_DEADLINE_MS = 30_000;
/** In the end game a request is doubled after this many times the recent time of a request. */
const END_GAME_FACTOR = 2;
/** No request is doubled before this: a burst of pieces over a fast link is not lateness. */
const END_GAME_MIN_MS = 50;
/** Weight of the newest value in running means. */
const MEAN_WEIGHT = 0.2;

export class RequestTimes {
  readonly #options: { readonly firstDeadlineMs: number; readonly minDeadlineMs: number };
  #lastArrivalMs = 0;
  /** Running means over all neighbours: time of a request, time between pieces. 0 before the first. */
  recentMs = 0;
  intervalMs = 0;

  /** @param options silence allowed before anything was measured, and always. */
  constructor(options: { readonly firstDeadlineMs: number; readonly minDeadlineMs: number }) {
    this.#options = options;
  }

  /** A request of this neighbour's was answered. */
  measure(neighbour: Neighbour, tookMs: number, nowMs: number): void {
    neighbour.recentMs = mean(neighbour.recentMs, tookMs);
    this.recentMs = mean(this.recentMs, tookMs);
    if (this.#lastArrivalMs > 0) this.intervalMs = mean(this.intervalMs, nowMs - this.#lastArrivalMs);
    this.#lastArrivalMs = nowMs;
  }

  /** True when a neighbour that is not late yet was asked for something and is silent past its deadline. */
  isLate(neighbour: Neighbour, nowMs: number): boolean {
    const [oldest] = neighbour.asked;
    if (oldest === undefined || neighbour.isLate) return false;
    return nowMs - Math.max(oldest.askedMs, neighbour.lastByteMs) > this.deadlineMs(neighbour);
  }

  /** Silence after which a neighbour is late. */
  deadlineMs(neighbour: Neighbour): number {
    const { firstDeadlineMs, minDeadlineMs } = this.#options;
    const usualMs = Math.max(neighbour.recentMs, this.recentMs);
    if (usualMs === 0) return firstDeadlineMs;
    return Math.min(MAX_DEADLINE_MS, Math.max(minDeadlineMs, DEADLINE_FACTOR * usualMs));
  }

  /** A request is doubled in the end game after this. */
  get doubledAfterMs(): number {
    return Math.max(END_GAME_MIN_MS, END_GAME_FACTOR * this.recentMs);
  }

  /** A request of any neighbour is overdue after this, whether bytes of it came or not: it is not ended then, but relied on no more. */
  get overdueMs(): number {
    const { firstDeadlineMs, minDeadlineMs } = this.#options;
    return this.recentMs === 0 ? firstDeadlineMs : Math.max(minDeadlineMs, DEADLINE_FACTOR * this.recentMs);
  }

  /** Pieces that neighbours are sure to give by their own choice: those that have not given each once yet, and are not silent. */
  awaited(neighbours: ReadonlyArray<Neighbour | undefined>, nowMs: number): number {
    let awaited = 0;
    for (const seeder of neighbours) {
      if (seeder === undefined || seeder.isPassOver) continue;
      if (seeder.creditSilentMs(nowMs) < this.deadlineMs(seeder)) awaited += seeder.openCredits;
    }
    return awaited;
  }
}

function mean(before: number, value: number): number {
  return before === 0 ? value : before + MEAN_WEIGHT * (value - before);
}
