// Work that each host does one after the other, such as hashing, while hosts work side by side.

import { TimeHeap } from './time-heap.ts';

interface Worker {
  /** Two numbers and the end of each piece of work, oldest first. */
  waiting: number[];
  first: number;
  freeMs: number;
}

const WORDS = 3;
/** Entries that are done are cut off when so many numbers are. */
const TRIM_AT = 384;

export class SerialWork {
  readonly #workers: readonly Worker[];
  readonly #heap: TimeHeap;

  constructor(workers: number) {
    this.#workers = Array.from({ length: workers }, () => ({ waiting: [], first: 0, freeMs: 0 }));
    this.#heap = new TimeHeap(workers);
  }

  get nextMs(): number {
    return this.#heap.firstMs;
  }

  add(worker: number, what: { readonly nowMs: number; readonly tookMs: number }, a: number, b: number): void {
    const state = this.#workers[worker];
    if (state === undefined) return;
    state.freeMs = Math.max(what.nowMs, state.freeMs) + what.tookMs;
    if (state.first === state.waiting.length) this.#heap.set(worker, state.freeMs);
    state.waiting.push(state.freeMs, a, b);
  }

  /** Takes out what is done at `nextMs`. */
  take(handle: (worker: number, a: number, b: number) => void): void {
    const worker = this.#heap.first;
    const state = this.#workers[worker];
    if (state === undefined) return;
    const a = state.waiting[state.first + 1] ?? 0;
    const b = state.waiting[state.first + 2] ?? 0;
    state.first += WORDS;
    if (state.first === state.waiting.length) {
      state.waiting.length = 0;
      state.first = 0;
      this.#heap.remove(worker);
    } else {
      if (state.first >= TRIM_AT) {
        state.waiting = state.waiting.slice(state.first);
        state.first = 0;
      }
      this.#heap.set(worker, state.waiting[state.first] ?? 0);
    }
    handle(worker, a, b);
  }
}
