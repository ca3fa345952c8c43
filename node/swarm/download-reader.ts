// A client's way into a blob that is arriving: verified bytes in any order. Who reads all of it gets the last bytes only after
// the whole was checked; who reads parts, as soon as their pieces were (readable-bytes.ts says what keeps that safe).

import type { ByteRange } from '../../shared/oci/byte-range.ts';
import type { AppError } from '../../shared/runtime/errors.ts';
import type { BlobReader } from '../content/blob-reader.ts';

/** What a reader needs of its download. */
export interface ReadableDownload {
  readonly sizeBytes: number;
  /** Bytes that a reader may get at `position` now, at most `wantedBytes`; 0 when they are not here yet. */
  readableBytes(reader: DownloadReader, position: number, wantedBytes: number): number;
  /** Reads bytes that `readableBytes` allowed. */
  read(target: Uint8Array, position: number, signal: AbortSignal): Promise<number>;
  /** Resolves when looking again makes sense. @throws {AppError} when the rest will not come. */
  progress(reader: DownloadReader, position: number, signal: AbortSignal): Promise<void>;
  leave(reader: DownloadReader): Promise<void>;
}

export class DownloadReader implements BlobReader {
  readonly #download: ReadableDownload;
  /** What it reads; undefined for the whole. */
  readonly ranges: readonly ByteRange[] | undefined;
  #isClosed = false;
  #hasRead = false;
  #failure: AppError | undefined;
  /** Where it reads; the scheduler prefers what comes next. */
  position: number;

  constructor(download: ReadableDownload, ranges: readonly ByteRange[] | undefined) {
    this.#download = download;
    this.ranges = ranges;
    this.position = ranges?.[0]?.first ?? 0;
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
      const bytes = this.#download.readableBytes(this, position, wantedBytes);
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
