// Buffers for bytes on their way from disk to peers: recycled, and never more than a fixed number at a time.

/** One read from disk: large enough to cost little per byte, small enough to take turns between neighbours. */
export const READ_BYTES = 1024 * 1024;
/** Reads under way and not taken by a socket yet, over all peers: 32 MiB. More wait in the order they came. */
const MAX_BUFFERS = 32;
/** Kept for the next upload; the rest goes back to the system. */
const MAX_SPARE = 8;

export class ReadBuffers {
  readonly #spare: Buffer[] = [];
  readonly #waiting: Array<() => void> = [];
  #outCount = 0;

  /** A buffer of `READ_BYTES`; give it back with `release`. */
  async acquire(): Promise<Buffer> {
    if (this.#outCount >= MAX_BUFFERS) {
      // Whoever releases passes its place on, so the count stays.
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    } else {
      this.#outCount += 1;
    }
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES);
  }

  release(buffer: Buffer): void {
    if (this.#spare.length < MAX_SPARE) this.#spare.push(buffer);
    const next = this.#waiting.shift();
    if (next === undefined) this.#outCount -= 1;
    else next();
  }
}
