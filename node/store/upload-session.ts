// One upload session: a file that grows, its hash, and what may happen to it.
//
//   open ── finish, digest right ──▶ adopted ─▶ ended
//     │ └── digest wrong, flush failed, cancel, expiry ─▶ ended
//     └──── broken body, wrong chunk, full disk ─▶ open

import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { algorithmOf, type Digest, type DigestAlgorithm } from '../../shared/oci/digest.ts';
import { MAX_BLOB_BYTES } from '../../shared/pieces/piece-table.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { joinSignals } from '../../shared/runtime/joined-signal.ts';
import type { AdoptedBlob, UploadChunk, UploadId } from '../content/blob-store.ts';
import type { BlobAdopter } from './blob-files.ts';
import { BodyWriter } from './body-writer.ts';
import type { BufferPool } from './buffer-pool.ts';
import { spaceError } from './flushed-file.ts';
import type { HashWorkers } from './hash-workers.ts';
import { Mutex } from './mutex.ts';
import type { SpaceGuard } from './space-guard.ts';
import { UploadHash } from './upload-hash.ts';
import { WriteBack } from './write-back.ts';

/** Writers of one session that wait for their turn (U-11), more get 429; a client has one or two. */
const MAX_WAITING_WRITERS = 16;
/** Without a writer for this long, a session lets go of its running hash; its bytes are then read once more. */
const HASH_IDLE_MS = 60_000;
/** The bytes of a session, in its folder. */
export const UPLOAD_DATA = 'data';

/** What sessions need of the store. */
export interface UploadSessionDeps {
  readonly clock: Clock;
  readonly buffers: BufferPool;
  readonly hashes: HashWorkers;
  readonly space: SpaceGuard;
  readonly blobs: BlobAdopter;
}

/** What is known of a session when it is made or found. */
export interface UploadSessionState {
  readonly id: UploadId;
  readonly repository: string;
  readonly algorithm: DigestAlgorithm;
  /** Who began it; absent for nobody in particular. */
  readonly owner?: string | undefined;
  readonly folder: string;
  readonly offset: number;
  /** When its last byte came, in wall time. */
  readonly touchedMs: number;
}

/** Every method fails with `upload_unknown` once the session has ended. */
export class UploadSession {
  readonly id: UploadId;
  readonly repository: string;
  readonly owner: string | undefined;
  readonly #deps: UploadSessionDeps;
  readonly #folder: string;
  readonly #path: string;
  readonly #hash: UploadHash;
  readonly #turn = new Mutex();
  readonly #ended = new AbortController();
  #offset: number;
  #touchedMs: number;
  #isAdopting = false;
  #letGo: Scheduled | undefined;

  constructor(deps: UploadSessionDeps, state: UploadSessionState) {
    this.#deps = deps;
    this.id = state.id;
    this.repository = state.repository;
    this.owner = state.owner;
    this.#folder = state.folder;
    this.#path = join(state.folder, UPLOAD_DATA);
    this.#offset = state.offset;
    this.#touchedMs = state.touchedMs;
    this.#hash = new UploadHash({ hashes: deps.hashes }, { path: this.#path, algorithm: state.algorithm });
  }

  /** Bytes acknowledged. */
  get offset(): number {
    return this.#offset;
  }

  get isEnded(): boolean {
    return this.#ended.signal.aborted;
  }

  /** True when it may be thrown away: nobody writes, and its last byte came before `beforeMs` (wall time). */
  isUnusedSince(beforeMs: number): boolean {
    return !this.#turn.isHeld && this.#touchedMs < beforeMs;
  }

  /** True when no byte came although it was opened before `beforeMs` (wall time). */
  isStillEmptySince(beforeMs: number): boolean {
    return this.#offset === 0 && this.isUnusedSince(beforeMs);
  }

  async append(chunk: UploadChunk, signal: AbortSignal): Promise<number> {
    return this.#exclusively(signal, async () => {
      await this.#withFile((file) => this.#receive(file, chunk, signal));
      return this.#offset;
    });
  }

  async finish(digest: Digest, chunk: UploadChunk | undefined, signal: AbortSignal): Promise<AdoptedBlob> {
    return this.#exclusively(signal, async () =>
      this.#withFile(async (file) => {
        if (chunk !== undefined) await this.#receive(file, chunk, signal);
        return this.#adopt(digest, file);
      }),
    );
  }

  /** Ends it and throws its bytes away; a writer finds out at its next chunk. */
  async cancel(): Promise<void> {
    if (this.#isAdopting) throw this.#unknown();
    await this.#end();
  }

  /** Interrupts the writer and keeps the bytes: the store is closing. Resolves when nobody writes any more. */
  async close(reason: Error): Promise<void> {
    this.#ended.abort(reason);
    this.#letGo?.cancel();
    const release = await this.#turn.acquire();
    this.#hash.forget();
    release();
  }

  /** Runs `work` when it is this writer's turn; the signal it may be stopped by also tells when the session ends. */
  async #exclusively<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#turn.waiterCount >= MAX_WAITING_WRITERS) {
      throw new AppError('too_many_requests', 'too many requests wait for this upload');
    }
    const release = await this.#turn.acquire(signal);
    this.#letGo?.cancel();
    try {
      if (this.isEnded) throw this.#endReason();
      return await work();
    } finally {
      if (this.isEnded) this.#hash.forget();
      else this.#letGo = this.#deps.clock.schedule(HASH_IDLE_MS, () => this.#forgetIfUnused());
      release();
    }
  }

  #forgetIfUnused(): void {
    if (!this.#turn.isHeld) this.#hash.forget();
  }

  async #withFile<T>(work: (file: OpenFile) => Promise<T>): Promise<T> {
    const handle = await open(this.#path, 'r+').catch((error: unknown) => {
      throw this.isEnded ? this.#endReason() : error;
    });
    const writeBack = new WriteBack(handle);
    try {
      return await work({ handle, writeBack });
    } finally {
      await writeBack.settle();
      await handle.close();
    }
  }

  /** Moves the offset on by what came, also when the body broke; back to where it was when chunk or disk is at fault. */
  async #receive(file: OpenFile, chunk: UploadChunk, signal: AbortSignal): Promise<void> {
    const before = this.#offset;
    if (chunk.firstByte !== undefined && chunk.firstByte !== before) {
      throw new AppError('upload_out_of_order', 'the chunk does not start where the last one ended', {
        detail: { offset: before },
      });
    }
    const space = await this.#deps.space.reserve(chunk.lengthBytes ?? 0);
    const { lengthBytes } = chunk;
    const writer = new BodyWriter({ ...this.#deps, ...file, hash: this.#hash, space }, { offset: before, lengthBytes });
    let broken: { readonly reason: unknown } | undefined;
    let receivedBytes = 0;
    try {
      using stop = joinSignals([signal, this.#ended.signal]);
      const take = (bytes: Uint8Array): Promise<void> | undefined => {
        receivedBytes += bytes.byteLength;
        if (isTooMuch(receivedBytes, chunk, before)) throw sizeMismatch(receivedBytes, chunk);
        return writer.take(bytes, stop.signal);
      };
      await chunk.body.pour(take, stop.signal);
    } catch (reason) {
      broken = { reason };
    } finally {
      await writer.drain();
      space.release();
    }
    if (writer.failure !== undefined) await this.#stepBack(file.handle, before, writer.failure);
    if (isTooMuch(receivedBytes, chunk, before) || (broken === undefined && isShort(receivedBytes, chunk))) {
      await this.#stepBack(file.handle, before, sizeMismatch(receivedBytes, chunk));
    }
    await this.#keep(file.handle, writer.writtenBytes);
    if (broken !== undefined) throw this.isEnded ? this.#endReason() : broken.reason;
  }

  async #keep(handle: FileHandle, offset: number): Promise<void> {
    this.#offset = offset;
    this.#touchedMs = this.#deps.clock.wallMs();
    // The time by our own clock, so that expiry after a restart goes by the same one.
    await handle.utimes(this.#touchedMs / 1000, this.#touchedMs / 1000);
  }

  async #stepBack(handle: FileHandle, offset: number, reason: unknown): Promise<never> {
    this.#hash.stepBack(offset);
    await handle.truncate(offset);
    throw reason;
  }

  async #adopt(digest: Digest, file: OpenFile): Promise<AdoptedBlob> {
    if (this.isEnded) throw this.#endReason();
    this.#isAdopting = true;
    const sizeBytes = this.#offset;
    try {
      // The disk flushes while the hash threads finish.
      const hashes = this.#hash.finish(algorithmOf(digest), sizeBytes);
      const [whole, pieces, flushed] = await Promise.allSettled([hashes.digest, hashes.table, file.writeBack.finish()]);
      if (whole.status === 'rejected') throw whole.reason;
      if (pieces.status === 'rejected') throw pieces.reason;
      if (flushed.status === 'rejected') throw spaceError(flushed.reason);
      const [got, table] = [whole.value, pieces.value];
      if (got !== digest) {
        throw new AppError('digest_mismatch', 'the content does not match its digest', {
          detail: { want: digest, got },
        });
      }
      await this.#deps.blobs.adopt({ digest, path: this.#path, table });
      return { digest, sizeBytes, table };
    } finally {
      // Also after a failure: what a failed flush left on the disk is unknown, so it is not offered again.
      await this.#end();
    }
  }

  async #end(): Promise<void> {
    this.#ended.abort();
    this.#letGo?.cancel();
    if (!this.#turn.isHeld) this.#hash.forget();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #unknown(): AppError {
    return new AppError('upload_unknown', 'no such upload', { detail: { upload: this.id } });
  }

  /** What a writer is told whose session ended under it. */
  #endReason(): unknown {
    const reason: unknown = this.#ended.signal.reason;
    return reason instanceof AppError ? reason : this.#unknown();
  }
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly writeBack: WriteBack;
}

function isTooMuch(receivedBytes: number, chunk: UploadChunk, offset: number): boolean {
  return receivedBytes > (chunk.lengthBytes ?? Number.POSITIVE_INFINITY) || offset + receivedBytes > MAX_BLOB_BYTES;
}

function isShort(receivedBytes: number, { lengthBytes }: UploadChunk): boolean {
  return lengthBytes !== undefined && receivedBytes < lengthBytes;
}

function sizeMismatch(receivedBytes: number, chunk: UploadChunk): AppError {
  return new AppError('size_mismatch', 'the body is not as long as was said, or longer than a blob may be', {
    detail: { receivedBytes, lengthBytes: chunk.lengthBytes ?? MAX_BLOB_BYTES },
  });
}
