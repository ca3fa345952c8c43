// Reading a blob that is whole: positional reads and loans of a file that no longer changes.

import type { BlobReader, LentBytes } from '../content/blob-reader.ts';
import type { HandleLease } from './file-handles.ts';
import type { FileWindows } from './file-windows.ts';

/**
 * Bytes looked up in the page cache at once, in another thread, before they are lent. Each look costs two changes of
 * threads, about 0.1 CPU s per GB if it were for one MiB; what the system drops within so short a stretch it reads again.
 */
const LOOK_AHEAD_BYTES = 8 * 1024 * 1024;

/** Owns its lease. */
export class WholeBlobReader implements BlobReader {
  readonly sizeBytes: number;
  readonly #lease: HandleLease;
  readonly #windows: FileWindows;
  /** What was found in the page cache last. */
  #cached = { first: 0, end: 0 };

  constructor(lease: HandleLease, windows: FileWindows) {
    this.#lease = lease;
    this.#windows = windows;
    this.sizeBytes = lease.sizeBytes;
  }

  async read(target: Uint8Array, position: number, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    const { bytesRead } = await this.#lease.handle.read(target, 0, target.byteLength, position);
    return bytesRead;
  }

  async lend(position: number, maxBytes: number): Promise<LentBytes | undefined> {
    const { fd } = this.#lease.handle;
    const end = Math.min(position + maxBytes, this.sizeBytes);
    if (position < this.#cached.first || position >= this.#cached.end) {
      const seen = { first: position, end: Math.min(end, position + LOOK_AHEAD_BYTES) };
      if (seen.end <= position || !(await this.#windows.isCached(fd, position, seen.end - position))) return undefined;
      this.#cached = seen;
    }
    return this.#windows.lend(fd, position, Math.min(end, this.#cached.end) - position);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lease.release();
  }
}
