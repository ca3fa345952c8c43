// Moves the bytes of a request body into a file and through the hash, some buffers at a time:
//
//   chunk ─copy─▶ buffer ─full─▶ write (one at a time, so the file never has a gap) ─▶ buffer goes back
//                           └──▶ hash thread                                       ─▶ when both are done

import type { FileHandle } from 'node:fs/promises';
import { copyBytes } from '../../shared/runtime/copy-bytes.ts';
import type { BufferPool, PooledBuffer } from './buffer-pool.ts';
import { asError, writeFully } from './flushed-file.ts';
import type { SpaceReservation } from './space-guard.ts';
import { INLINE_BYTES, type UploadHash } from './upload-hash.ts';
import type { WriteBack } from './write-back.ts';

/**
 * Buffer size once a body is known to be large: the largest of the pool. Writes of 4 MiB cost the system a fifth less than
 * those of 1 MiB, and a quarter of the messages to the hash threads.
 */
const BUFFER_BYTES = 4 * 1024 * 1024;
/** The first buffer of a body of unknown length: most manifests and configs end in it. */
const FIRST_BUFFER_BYTES = INLINE_BYTES;
/** Full buffers of one upload that wait for disk or hash; then the client waits. Enough for the pause that a flush makes. */
const MAX_IN_FLIGHT = 3;

interface BodyWriterDeps {
  readonly buffers: BufferPool;
  readonly handle: FileHandle;
  readonly hash: UploadHash;
  readonly space: SpaceReservation;
  readonly writeBack: WriteBack;
  /** Told after each write that the file has grown. */
  readonly onWritten?: () => void;
}

/** Writes from an offset on. Always `drain` it before its file is closed. */
export class BodyWriter {
  readonly #deps: BodyWriterDeps;
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #stopListening: () => void;
  #bufferBytes: number;
  #current: PooledBuffer | undefined;
  #filledBytes = 0;
  #positionBytes: number;
  #writtenBytes: number;
  #isFollowed = false;
  #tail: Promise<void> = Promise.resolve();
  #failure: Error | undefined;

  /** @param options.lengthBytes of the body, when known. */
  constructor(deps: BodyWriterDeps, options: { readonly offset: number; readonly lengthBytes: number | undefined }) {
    this.#deps = deps;
    this.#positionBytes = options.offset;
    this.#writtenBytes = options.offset;
    this.#bufferBytes = Math.max(1, Math.min(BUFFER_BYTES, options.lengthBytes ?? FIRST_BUFFER_BYTES));
    // A slow client must not sit on memory that others wait for.
    this.#stopListening = deps.buffers.onPressure(() => this.#submitCurrent());
  }

  /** End of what is in the file without a gap. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /**
   * Takes a chunk, at once where it can; gives a promise when too much is under way, and takes no other chunk meanwhile.
   * @throws what writing threw: `not_enough_space` above all
   */
  take(chunk: Uint8Array, signal: AbortSignal): Promise<void> | undefined {
    const takenBytes = this.#copy(chunk);
    return takenBytes === chunk.byteLength ? undefined : this.#takeLater(chunk.subarray(takenBytes), signal);
  }

  async #takeLater(chunk: Uint8Array, signal: AbortSignal): Promise<void> {
    for (let takenBytes = 0; takenBytes < chunk.byteLength; takenBytes += this.#copy(chunk.subarray(takenBytes))) {
      if (this.#isFull) await this.#flushCurrent();
      else this.#begin(await this.#nextBuffer(signal)); // from here to the copy nothing else runs
    }
  }

  /** Copies into buffers that are at hand. @returns how many bytes; fewer than there are when one has to wait. */
  #copy(chunk: Uint8Array): number {
    let takenBytes = 0;
    while (takenBytes < chunk.byteLength && this.#hasRoom()) {
      const buffer = this.#current;
      if (buffer === undefined) break;
      const part = chunk.subarray(takenBytes, takenBytes + buffer.bytes.byteLength - this.#filledBytes);
      copyBytes(part, buffer.bytes, this.#filledBytes);
      this.#filledBytes += part.byteLength;
      takenBytes += part.byteLength;
      if (this.#isFull && !this.#mustFollow) this.#submitCurrent();
    }
    return takenBytes;
  }

  /** Whether there is a buffer with room, or one could be had without waiting. */
  #hasRoom(): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#current !== undefined) return !this.#isFull;
    const buffer = this.#inFlight.size < MAX_IN_FLIGHT ? this.#deps.buffers.acquireNow(this.#bufferBytes) : undefined;
    if (buffer !== undefined) this.#begin(buffer);
    return buffer !== undefined;
  }

  get #isFull(): boolean {
    return this.#current !== undefined && this.#filledBytes === this.#current.bytes.byteLength;
  }

  /** True when the hash has to be told first that more bytes come than are hashed at the end. */
  get #mustFollow(): boolean {
    return !this.#isFollowed && this.#positionBytes + this.#filledBytes > INLINE_BYTES;
  }

  #begin(buffer: PooledBuffer): void {
    this.#current = buffer;
    this.#bufferBytes = BUFFER_BYTES;
    this.#filledBytes = 0;
  }

  /** Hashes from here on as bytes come, whatever their number will be. Call it before the first `write`. */
  async follow(): Promise<void> {
    this.#isFollowed = true;
    await this.#deps.hash.follow(this.#positionBytes);
  }

  /** Writes what was taken so far although its buffer is not full: somebody waits for it. */
  hurry(): void {
    this.#submitCurrent();
  }

  /** Waits until all that was taken is written, or writing failed. Never rejects: see `failure`. */
  async drain(): Promise<void> {
    this.#stopListening();
    await this.#flushCurrent();
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  /** What went wrong with the disk, if anything did. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  async #nextBuffer(signal: AbortSignal): Promise<PooledBuffer> {
    while (this.#inFlight.size >= MAX_IN_FLIGHT) await Promise.race(this.#inFlight);
    return this.#deps.buffers.acquire(this.#bufferBytes, signal);
  }

  /** A session that has grown past the inline size is hashed as it grows from here on. */
  async #flushCurrent(): Promise<void> {
    const buffer = this.#current;
    if (buffer === undefined) return;
    const lengthBytes = this.#filledBytes;
    const mustFollow = this.#mustFollow;
    this.#current = undefined;
    if (mustFollow) {
      this.#isFollowed = true;
      await this.#tail;
      if (this.#failure === undefined) await this.#deps.hash.follow(this.#positionBytes);
    }
    this.#submit(buffer, lengthBytes);
  }

  #submitCurrent(): void {
    const buffer = this.#current;
    if (buffer === undefined) return;
    this.#current = undefined;
    this.#submit(buffer, this.#filledBytes);
  }

  #submit(buffer: PooledBuffer, lengthBytes: number): void {
    const bytes = buffer.bytes.subarray(0, lengthBytes);
    const position = this.#positionBytes;
    this.#positionBytes += lengthBytes;
    this.#tail = this.#tail.then(() => this.#writeNext(bytes, position));
    const hashed = this.#deps.hash.absorb(bytes, position);
    const done = this.#releaseAfter(buffer, [this.#tail, hashed]).finally(() => this.#inFlight.delete(done));
    this.#inFlight.add(done);
  }

  async #releaseAfter(buffer: PooledBuffer, uses: readonly Promise<void>[]): Promise<void> {
    await Promise.all(uses);
    buffer.release();
  }

  /** Never rejects; after a failure nothing more is written. */
  async #writeNext(bytes: Uint8Array, position: number): Promise<void> {
    if (this.#failure !== undefined) return;
    try {
      await this.#deps.space.spend(bytes.byteLength);
      await writeFully(this.#deps.handle, bytes, position);
      this.#writtenBytes = position + bytes.byteLength;
      this.#deps.writeBack.wrote(bytes.byteLength);
      this.#deps.onWritten?.();
    } catch (error) {
      this.#failure = asError(error);
    }
  }
}
