// A client's way into a blob that is arriving: verified bytes in any order, the last ones only after the whole was checked.

import type { AppError } from '../../shared/runtime/errors.ts';
import type { BlobReader } from '../content/blob-reader.ts';

/** What a reader needs of its download. */
export interface ReadableDownload {
  readonly sizeBytes: number;
  /** Bytes that may be read at `position` now, at most `wantedBytes`; 0 when they are not here yet. */
  readableBytes(position: number, wantedBytes: number): number;
  /** Reads bytes that `readableBytes` allowed. */
  read(target: Uint8Array, position: number, signal: AbortSignal): Promise<number>;
  /** Resolves when looking again makes sense. @throws {AppError} when the rest will not come. */
  progress(reader: DownloadReader, position: number, signal: AbortSignal): Promise<void>;
  leave(reader: DownloadReader): Promise<void>;
}

export class DownloadReader implements BlobReader {
  readonly #download: ReadableDownload;
  #isClosed = false;
  #hasRead = false;
  #failure: AppError | undefined;
  /** Where it reads; the scheduler prefers what comes next. */
  position = 0;

  constructor(download: ReadableDownload) {
    this.#download = download;
  }

  get sizeBytes(): number {
    return this.#download.sizeBytes;
  }

  async read(target: Uint8Array, position: number, signal: AbortSignal): Promise<number> {
    const wantedBytes = Math.min(target.byteLength, this.sizeBytes - position);
    if (wantedBytes <= 0) return 0;
    this.position = position;
    for (;;) {
      signal.throwIfAborted();
      if (this.#failure !== undefined) throw this.#failure;
      const bytes = this.#download.readableBytes(position, wantedBytes);
      this.#hasRead ||= bytes > 0;
      if (bytes > 0) return this.#download.read(target.subarray(0, bytes), position, signal);
      await this.#download.progress(this, position, signal);
    }
  }

  /** What was given so far may be wrong: nothing more is given if anything was. */
  tear(reason: AppError): void {
    if (this.#hasRead) this.#failure = reason;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#download.leave(this);
  }
}
