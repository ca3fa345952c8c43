// What takes the same time for everybody, such as a message over a link of one kind: what went in first comes out first, so no
// heap is needed. A ring of numbers, so that millions under way cost no objects.

/** Room at the start; doubles when it is full. */
const FIRST_CAPACITY = 1024;
const WORDS = 3;

/** Three whole numbers per entry; what they mean is the business of the user. */
export class DelayLine {
  readonly #delayMs: number;
  #times = new Float64Array(FIRST_CAPACITY);
  #words = new Int32Array(FIRST_CAPACITY * WORDS);
  #mask = FIRST_CAPACITY - 1;
  #first = 0;
  #length = 0;

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** When the first comes out; Infinity when the line is empty. */
  get firstMs(): number {
    return this.#length === 0 ? Infinity : (this.#times[this.#first] ?? Infinity);
  }

  push(nowMs: number, a: number, b: number, c: number): void {
    if (this.#length > this.#mask) this.#grow();
    const at = (this.#first + this.#length) & this.#mask;
    this.#times[at] = nowMs + this.#delayMs;
    this.#words[at * WORDS] = a;
    this.#words[at * WORDS + 1] = b;
    this.#words[at * WORDS + 2] = c;
    this.#length += 1;
  }

  /** Takes the first out. The line must not be empty. */
  take(handle: (a: number, b: number, c: number) => void): void {
    const at = this.#first * WORDS;
    this.#first = (this.#first + 1) & this.#mask;
    this.#length -= 1;
    handle(this.#words[at] ?? 0, this.#words[at + 1] ?? 0, this.#words[at + 2] ?? 0);
  }

  #grow(): void {
    const capacity = this.#times.length * 2;
    const times = new Float64Array(capacity);
    const words = new Int32Array(capacity * WORDS);
    for (let at = 0; at < this.#length; at += 1) {
      const from = (this.#first + at) & this.#mask;
      times[at] = this.#times[from] ?? 0;
      words.set(this.#words.subarray(from * WORDS, (from + 1) * WORDS), at * WORDS);
    }
    this.#times = times;
    this.#words = words;
    this.#mask = capacity - 1;
    this.#first = 0;
  }
}
