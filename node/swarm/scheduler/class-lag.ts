// Notices when some classes of pieces come into this zone much later than the others: whoever fetches them is silent or slow. Only a
// comparison counts, never a time alone: over a thin link all classes are late, and giving them to others would help nobody.

/** A class must be behind for so long without a break before it is told; while it stays behind it is told as often. */
const BEHIND_MS = 5000;
/** And for as long as the classes in the middle took for so many pieces each: over a thin link pieces do not come evenly. */
const BEHIND_PIECES = 2;
/** A class with at most this part of the pieces that half of the classes have is behind. */
const BEHIND_SHARE = 0.5;

export class ClassLag {
  readonly #counts: Uint32Array;
  readonly #sizes: Uint32Array;
  /** Since when each class is behind, or when it was told last; Infinity for those that are not. */
  readonly #sinceMs: Float64Array;
  #startMs: number | undefined;

  /** @param options.of number of classes. */
  constructor(options: { readonly pieceCount: number; readonly of: number }) {
    const { pieceCount, of } = options;
    this.#counts = new Uint32Array(of);
    this.#sizes = Uint32Array.from({ length: of }, (_, at) => Math.ceil(Math.max(0, pieceCount - at) / of));
    this.#sinceMs = new Float64Array(of).fill(Infinity);
  }

  get classCount(): number {
    return this.#counts.length;
  }

  /** A piece is here. */
  has(pieceIndex: number): void {
    const at = pieceIndex % this.#counts.length;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  /** Classes to complain about now. To be called about once a second. */
  look(nowMs: number): readonly number[] {
    const used = [...this.#counts].filter((_, at) => (this.#sizes[at] ?? 0) > 0).sort((left, right) => left - right);
    const middle = used[used.length >> 1] ?? 0;
    this.#startMs ??= nowMs;
    const patienceMs = Math.max(BEHIND_MS, (BEHIND_PIECES * (nowMs - this.#startMs)) / Math.max(1, middle));
    const behind: number[] = [];
    for (const [at, count] of this.#counts.entries()) {
      const isBehind = count < (this.#sizes[at] ?? 0) && count <= middle * BEHIND_SHARE && middle > 0;
      if (!isBehind) this.#sinceMs[at] = Infinity;
      else if (this.#sinceMs[at] === Infinity) this.#sinceMs[at] = nowMs;
      else if (nowMs - (this.#sinceMs[at] ?? nowMs) >= patienceMs) {
        behind.push(at);
        this.#sinceMs[at] = nowMs;
      }
    }
    return behind;
  }
}
