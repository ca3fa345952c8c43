// Work to be done at times of a virtual clock.

import { TimeHeap } from './time-heap.ts';

export class VirtualTimers {
  readonly #heap = new TimeHeap(1024);
  readonly #work: Array<(() => void) | undefined> = [];
  readonly #free: number[] = [];

  /** Time of the next work; Infinity when there is none. */
  get firstMs(): number {
    return this.#heap.firstMs;
  }

  add(atMs: number, work: () => void): void {
    const timer = this.#free.pop() ?? this.#work.length;
    this.#work[timer] = work;
    this.#heap.set(timer, atMs);
  }

  runFirst(): void {
    const timer = this.#heap.takeFirst();
    const work = this.#work[timer];
    this.#work[timer] = undefined;
    this.#free.push(timer);
    work?.();
  }
}
