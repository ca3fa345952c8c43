// Bytes of a piece that came before there was a buffer for it, in blocks that are used again. Fresh memory for each of them
// would make the garbage collector run twenty times a second when the disk is slower than the network.

/** Large enough for some chunks of a TLS socket, small enough for many pieces that begin at once. */
const BLOCK_BYTES = 64 * 1024;
/** Kept for the next piece: what one neighbour's credit allows to be early; the rest goes back to the system. */
const MAX_SPARE_BLOCKS = 64;

/** Blocks of one download. There are as many out as the credits of its neighbours allow. */
export class EarlyBlocks {
  readonly #spare: Buffer[] = [];

  acquire(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }

  release(block: Buffer): void {
    if (this.#spare.length < MAX_SPARE_BLOCKS) this.#spare.push(block);
  }
}

/** The early bytes of one piece, in order. */
export class EarlyBytes {
  readonly #blocks: EarlyBlocks;
  readonly #filled: Buffer[] = [];
  #byteCount = 0;

  constructor(blocks: EarlyBlocks) {
    this.#blocks = blocks;
  }

  /** Copies `bytes`. */
  add(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength;) {
      const offset = this.#byteCount % BLOCK_BYTES;
      if (offset === 0) this.#filled.push(this.#blocks.acquire());
      const part = bytes.subarray(at, at + BLOCK_BYTES - offset);
      this.#filled.at(-1)?.set(part, offset);
      at += part.byteLength;
      this.#byteCount += part.byteLength;
    }
  }

  /** Gives every byte to `take`, in order, and forgets it. What `take` gets is valid during the call. */
  drain(take: (bytes: Uint8Array) => void): void {
    const byteCount = this.#byteCount;
    this.#byteCount = 0;
    for (const [index, block] of this.#filled.splice(0).entries()) {
      take(block.subarray(0, Math.min(BLOCK_BYTES, byteCount - index * BLOCK_BYTES)));
      this.#blocks.release(block);
    }
  }
}
