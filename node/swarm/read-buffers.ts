// Buffers for bytes on their way from disk to peers: recycled, as large as the read, and never more than so many bytes at a time.
//
// As large as the read, since V8 counts all of a buffer: a slow link is sent 32 KiB at a time, and with a megabyte for each of
// them the collector marked the whole heap for every dozen, a third of the CPU time of a fleet of slow links.

/** One read from disk: large enough to cost little per byte, small enough to take turns between neighbours. */
export const READ_BYTES = 1024 * 1024;
/** The smallest buffer; the others double up to `READ_BYTES`. About the least that a connection sends at a time. */
const SMALLEST_BYTES = 32 * 1024;
/** Out at a time, over all peers: 32 of the largest. Who wants more waits, in the order they came. */
const MAX_OUT_BYTES = 32 * READ_BYTES;
/** Kept for the next uploads, of all sizes together; the rest goes back to the system. */
const MAX_SPARE_BYTES = 8 * READ_BYTES;

interface Waiter {
  readonly sizeBytes: number;
  readonly resolve: () => void;
}

export class ReadBuffers {
  /** By their size. */
  readonly #spare = new Map<number, Buffer[]>();
  readonly #waiting: Waiter[] = [];
  #spareBytes = 0;
  #outBytes = 0;

  /** A buffer of at least `lengthBytes`, of which there are `READ_BYTES` at most; give it back with `release`. */
  async acquire(lengthBytes: number): Promise<Buffer> {
    const sizeBytes = sizeFor(lengthBytes);
    if (this.#waiting.length > 0 || this.#outBytes + sizeBytes > MAX_OUT_BYTES) {
      // Whoever releases counts it as out already.
      await new Promise<void>((resolve) => {
        this.#waiting.push({ sizeBytes, resolve });
      });
    } else {
      this.#outBytes += sizeBytes;
    }
    const spare = this.#spare.get(sizeBytes)?.pop();
    if (spare === undefined) return Buffer.allocUnsafeSlow(sizeBytes);
    this.#spareBytes -= sizeBytes;
    return spare;
  }

  release(buffer: Buffer): void {
    const sizeBytes = buffer.byteLength;
    this.#outBytes -= sizeBytes;
    if (this.#spareBytes + sizeBytes <= MAX_SPARE_BYTES) {
      const spare = this.#spare.get(sizeBytes);
      if (spare === undefined) this.#spare.set(sizeBytes, [buffer]);
      else spare.push(buffer);
      this.#spareBytes += sizeBytes;
    }
    this.#letIn();
  }

  #letIn(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#outBytes + next.sizeBytes > MAX_OUT_BYTES) return;
      this.#waiting.shift();
      this.#outBytes += next.sizeBytes;
      next.resolve();
    }
  }
}

function sizeFor(lengthBytes: number): number {
  let sizeBytes = SMALLEST_BYTES;
  while (sizeBytes < lengthBytes) sizeBytes *= 2;
  return sizeBytes;
}
