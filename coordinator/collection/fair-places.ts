// Things of many hosts in a bounded number of places, fairly: while there are free ones anybody may have them, and afterwards a host with fewer
// takes them from the one with most. So hosts that never give any back hold no more than the others want. Pure.

/** Places that are taken from the host with most at a time: finding it means a look at every host. */
const TAKEN_AT_ONCE = 1_000;

/** Hosts and things by their ids; of each thing a value. */
export class FairPlaces<K extends string, V> {
  readonly #max: number;
  readonly #hosts = new Map<string, Map<K, V>>();
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** How many are taken. */
  get count(): number {
    return this.#count;
  }

  /** Of one host, in the order they came. */
  of(host: string): ReadonlyMap<K, V> {
    return this.#hosts.get(host) ?? new Map<K, V>();
  }

  /** @returns the host that lost places for it, undefined when none did; or that there is no place. A thing that has one keeps its value. */
  add(host: string, thing: K, value: V): { readonly isIn: boolean; readonly loser?: string } {
    const things = this.#hosts.get(host);
    if (things?.has(thing) === true) return { isIn: true };
    if (this.#count < this.#max) {
      this.#put(host, thing, value);
      return { isIn: true };
    }
    const [loser, most] = this.#richest();
    const surplus = most - (things?.size ?? 0) - 1;
    if (surplus <= 0) return { isIn: false };
    this.#takeNewest(loser, Math.min(TAKEN_AT_ONCE, Math.ceil(surplus / 2)));
    this.#put(host, thing, value);
    return { isIn: true, loser };
  }

  /** @returns false when it has no place. */
  remove(host: string, thing: K): boolean {
    const things = this.#hosts.get(host);
    if (things?.delete(thing) !== true) return false;
    this.#count -= 1;
    if (things.size === 0) this.#hosts.delete(host);
    return true;
  }

  removeHost(host: string): void {
    this.#count -= this.of(host).size;
    this.#hosts.delete(host);
  }

  /** How many places a host that has none could have. */
  get available(): number {
    return Math.max(this.#max - this.#count, Math.floor(this.#richest()[1] / 2));
  }

  #put(host: string, thing: K, value: V): void {
    const things = this.#hosts.get(host) ?? new Map<K, V>();
    things.set(thing, value);
    this.#hosts.set(host, things);
    this.#count += 1;
  }

  #richest(): readonly [host: string, count: number] {
    let found: readonly [string, number] = ['', 0];
    for (const [host, { size }] of this.#hosts) if (size > found[1]) found = [host, size];
    return found;
  }

  #takeNewest(host: string, count: number): void {
    for (const thing of [...this.of(host).keys()].slice(-count)) this.remove(host, thing);
  }
}
