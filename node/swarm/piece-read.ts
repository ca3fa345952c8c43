// A stretch of a piece that was read from disk in one go and is sent in parts, each as large as the link takes at a time.

import type { ReadBuffers } from './read-buffers.ts';

/** Where in a piece the stretch lies. */
export interface Stretch {
  readonly offset: number;
  readonly lengthBytes: number;
}

/** Its buffer goes back when its maker and all parts have let it go. */
export class PieceRead {
  readonly #buffers: ReadBuffers;
  readonly #buffer: Buffer;
  readonly #stretch: Stretch;
  #holders = 1;

  private constructor(buffers: ReadBuffers, buffer: Buffer, stretch: Stretch) {
    this.#buffers = buffers;
    this.#buffer = buffer;
    this.#stretch = stretch;
  }

  /** @param fill reads the stretch into what it gets; when it throws the buffer goes back. */
  static async read(
    buffers: ReadBuffers,
    stretch: Stretch,
    fill: (target: Uint8Array) => Promise<void>,
  ): Promise<PieceRead> {
    const read = new PieceRead(buffers, await buffers.acquire(stretch.lengthBytes), stretch);
    try {
      await fill(read.#buffer.subarray(0, stretch.lengthBytes));
      return read;
    } catch (error) {
      read.letGo();
      throw error;
    }
  }

  /** Where it ends in the piece. */
  get endOffset(): number {
    return this.#stretch.offset + this.#stretch.lengthBytes;
  }

  /** A part of it, by its place in the piece; to be let go of like the whole. */
  hold({ offset, lengthBytes }: Stretch): Uint8Array {
    this.#holders += 1;
    const at = offset - this.#stretch.offset;
    return this.#buffer.subarray(at, at + lengthBytes);
  }

  letGo(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.#buffers.release(this.#buffer);
  }
}
