// Flushes a growing file while it grows, so that the last flush has little left to do.

import type { FileHandle } from 'node:fs/promises';
import { asError } from './flushed-file.ts';

/**
 * Written bytes after which a flush starts in the background, so that the last flush of a blob is short. A flush holds up
 * the next write of its file for about half of its own time: with more bytes it costs longer pauses, with fewer it costs
 * more turns of the file system's journal.
 */
const FLUSH_EVERY_BYTES = 16 * 1024 * 1024;

/** The flushes of one open file. A failed flush is never forgotten: the system reports it only once. */
export class WriteBack {
  readonly #handle: Pick<FileHandle, 'datasync'>;
  #pendingBytes = 0;
  #running: Promise<void> | undefined;
  #failure: Error | undefined;

  constructor(handle: Pick<FileHandle, 'datasync'>) {
    this.#handle = handle;
  }

  /** Call after each write. Starts a flush when enough has gathered and none is under way. */
  wrote(bytes: number): void {
    this.#pendingBytes += bytes;
    if (this.#pendingBytes < FLUSH_EVERY_BYTES || this.#running !== undefined) return;
    this.#pendingBytes = 0;
    this.#running = this.#flush();
  }

  /** Waits for the flush that is under way; close the file only after that. Never rejects. */
  async settle(): Promise<void> {
    await this.#running;
  }

  /** Everything written before this call is on the disk when it resolves. @throws what any flush threw. */
  async finish(): Promise<void> {
    await this.#running;
    this.#running = this.#flush();
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #flush(): Promise<void> {
    try {
      await this.#handle.datasync();
    } catch (error) {
      this.#failure ??= asError(error);
    } finally {
      this.#running = undefined;
    }
  }
}
