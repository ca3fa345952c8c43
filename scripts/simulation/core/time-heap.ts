// Numbers ordered by time, each at most once, whose time may change: a binary heap over typed arrays.

export class TimeHeap {
  #ids: Int32Array;
  /** Place in the heap by number; -1 when it is not there. */
  #places: Int32Array;
  #times: Float64Array;
  #size = 0;

  /** @param capacity numbers are below it; grows by itself. */
  constructor(capacity: number) {
    this.#ids = new Int32Array(capacity);
    this.#places = new Int32Array(capacity).fill(-1);
    this.#times = new Float64Array(capacity);
  }

  /** The number whose time is first; -1 when empty. */
  get first(): number {
    return this.#size === 0 ? -1 : (this.#ids[0] ?? -1);
  }

  /** Infinity for a number that is not there. */
  timeOf(id: number): number {
    return (this.#places[id] ?? -1) < 0 ? Infinity : (this.#times[id] ?? Infinity);
  }

  /** Time of the first; Infinity when empty. */
  get firstMs(): number {
    return this.#size === 0 ? Infinity : (this.#times[this.#ids[0] ?? 0] ?? Infinity);
  }

  /** Adds a number or moves it to another time. */
  set(id: number, atMs: number): void {
    if (id >= this.#places.length) this.#grow(id);
    const place = this.#places[id] ?? -1;
    const before = this.#times[id] ?? 0;
    this.#times[id] = atMs;
    if (place < 0) {
      this.#ids[this.#size] = id;
      this.#places[id] = this.#size;
      this.#size += 1;
      this.#up(this.#size - 1);
    } else if (atMs < before) this.#up(place);
    else this.#down(place);
  }

  remove(id: number): void {
    const place = this.#places[id] ?? -1;
    if (place < 0) return;
    this.#places[id] = -1;
    this.#size -= 1;
    const last = this.#ids[this.#size] ?? 0;
    if (place === this.#size) return;
    this.#ids[place] = last;
    this.#places[last] = place;
    this.#up(place);
    this.#down(this.#places[last] ?? place);
  }

  /** Takes the first away. The heap must not be empty. */
  takeFirst(): number {
    const first = this.#ids[0] ?? -1;
    this.remove(first);
    return first;
  }

  #up(from: number): void {
    const ids = this.#ids;
    const times = this.#times;
    let place = from;
    const id = ids[place] ?? 0;
    const atMs = times[id] ?? 0;
    while (place > 0) {
      const parentPlace = (place - 1) >> 1;
      const parent = ids[parentPlace] ?? 0;
      if ((times[parent] ?? 0) <= atMs) break;
      ids[place] = parent;
      this.#places[parent] = place;
      place = parentPlace;
    }
    ids[place] = id;
    this.#places[id] = place;
  }

  #down(from: number): void {
    const ids = this.#ids;
    const times = this.#times;
    let place = from;
    const id = ids[place] ?? 0;
    const atMs = times[id] ?? 0;
    for (;;) {
      let childPlace = 2 * place + 1;
      if (childPlace >= this.#size) break;
      const right = childPlace + 1;
      if (right < this.#size && (times[ids[right] ?? 0] ?? 0) < (times[ids[childPlace] ?? 0] ?? 0)) childPlace = right;
      const child = ids[childPlace] ?? 0;
      if ((times[child] ?? 0) >= atMs) break;
      ids[place] = child;
      this.#places[child] = place;
      place = childPlace;
    }
    ids[place] = id;
    this.#places[id] = place;
  }

  #grow(id: number): void {
    const capacity = Math.max(id + 1, this.#places.length * 2);
    const ids = new Int32Array(capacity);
    ids.set(this.#ids);
    const places = new Int32Array(capacity).fill(-1);
    places.set(this.#places);
    const times = new Float64Array(capacity);
    times.set(this.#times);
    this.#ids = ids;
    this.#places = places;
    this.#times = times;
  }
}
