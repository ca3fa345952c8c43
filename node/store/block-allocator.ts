// Cuts an arena into blocks by halving (a buddy allocator): no fragments that cannot grow together again, and the
// lowest free place first, so that memory that was never needed is never touched. Pure.

import { invariant } from '../../shared/runtime/errors.ts';

/** Hands out blocks whose sizes are powers of two between `minBlockBytes` and `maxBlockBytes`. */
export class BlockAllocator {
  readonly #minBlockBytes: number;
  readonly #maxBlockBytes: number;
  /** Free offsets by block size, each list ascending. */
  readonly #free = new Map<number, number[]>();

  constructor(options: {
    readonly capacityBytes: number;
    readonly minBlockBytes: number;
    readonly maxBlockBytes: number;
  }) {
    const { capacityBytes, minBlockBytes, maxBlockBytes } = options;
    invariant(capacityBytes > 0 && capacityBytes % maxBlockBytes === 0, 'an arena is made of whole largest blocks');
    this.#minBlockBytes = minBlockBytes;
    this.#maxBlockBytes = maxBlockBytes;
    for (let size = minBlockBytes; size <= maxBlockBytes; size *= 2) this.#free.set(size, []);
    const largest = this.#list(maxBlockBytes);
    for (let offset = 0; offset < capacityBytes; offset += maxBlockBytes) largest.push(offset);
  }

  /** The size of the block that `lengthBytes` needs. */
  blockBytesFor(lengthBytes: number): number {
    invariant(lengthBytes <= this.#maxBlockBytes, 'a buffer fits the largest block');
    let size = this.#minBlockBytes;
    while (size < lengthBytes) size *= 2;
    return size;
  }

  /** @returns the offset of a block, or undefined when none is free. */
  allocate(blockBytes: number): number | undefined {
    let size = blockBytes;
    while (size <= this.#maxBlockBytes && this.#list(size).length === 0) size *= 2;
    if (size > this.#maxBlockBytes) return undefined;
    const offset = this.#list(size).shift();
    invariant(offset !== undefined, 'a list that is not empty has a first block');
    while (size > blockBytes) {
      size /= 2;
      this.#insert(size, offset + size);
    }
    return offset;
  }

  /** Takes a block back and joins it with its free neighbours. */
  free(offset: number, blockBytes: number): void {
    let at = offset;
    let size = blockBytes;
    while (size < this.#maxBlockBytes) {
      const buddy = at % (size * 2) === 0 ? at + size : at - size;
      const list = this.#list(size);
      const index = list.indexOf(buddy);
      if (index < 0) break;
      list.splice(index, 1);
      at = Math.min(at, buddy);
      size *= 2;
    }
    this.#insert(size, at);
  }

  #insert(size: number, offset: number): void {
    const list = this.#list(size);
    const index = list.findIndex((other) => other > offset);
    list.splice(index < 0 ? list.length : index, 0, offset);
  }

  #list(size: number): number[] {
    const list = this.#free.get(size);
    invariant(list !== undefined, 'blocks have a size of the allocator');
    return list;
  }
}
