// One download under way: a sparse file, and one bit for each piece in it.

import { rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { algorithmOf, digestFromHash, type Digest, type DigestAlgorithm } from '../../shared/oci/digest.ts';
import { Bitfield } from '../../shared/pieces/bitfield.ts';
import { hashPiece, pieceCount, pieceHash, pieceLength, type PieceTable } from '../../shared/pieces/piece-table.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { AppError, invariant } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { PartialBlob, PieceBuffer } from '../content/blob-store.ts';
import type { BlobAdopter } from './blob-files.ts';
import type { BufferPool, PooledBuffer } from './buffer-pool.ts';
import { readFully, spaceError, writeFully } from './flushed-file.ts';
import type { HashWorkers } from './hash-workers.ts';
import { WholeHasher } from './blob-hasher.ts';
import { PartialHash } from './partial-hash.ts';
import { PieceWrites } from './piece-writes.ts';
import type { SpaceReservation } from './space-guard.ts';
import { WriteBack } from './write-back.ts';

/** Bits are written at most this often; a crash costs the pieces of that time, which come again. */
const SAVE_EVERY_MS = 50;
/** Pieces checked at once after a restart, the rest waits: enough to keep the hash thread busy. */
const MAX_CHECKS = 4;
/**
 * Up to here the main thread makes the hashes of a download: a millisecond for the largest. A hash thread is asked and answers over two
 * turns of the event loop for each piece, and takes 40 to 140 ms to start.
 */
const HASHED_HERE_BYTES = 1024 * 1024;

/** What partial blobs need of the store. */
export interface PartialBlobDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly buffers: BufferPool;
  readonly hashes: HashWorkers;
  readonly blobs: BlobAdopter;
}

/** The open files of one partial blob; the blob closes them. */
export interface PartialFiles {
  readonly folder: string;
  /** Path of the bytes. */
  readonly path: string;
  readonly data: FileHandle;
  readonly have: FileHandle;
  readonly space: SpaceReservation;
}

/** `open` checks what is there before it counts. */
export class PartialBlobFile implements PartialBlob {
  readonly table: PieceTable;
  readonly verified: Bitfield;
  readonly #digest: Digest;
  readonly #deps: PartialBlobDeps;
  readonly #files: PartialFiles;
  readonly #hash: PartialHash;
  readonly #writeBack: WriteBack;
  readonly #onClose: () => void;
  readonly #pieces: PieceWrites;
  readonly #writes = new Set<Promise<unknown>>();
  readonly #lent = new WeakMap<PieceBuffer, PooledBuffer>();
  #save: Scheduled | undefined;
  #saving: Promise<void>;
  #wholeCheck: Promise<void> | undefined;
  #finishing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #isGone = false;

  private constructor(
    deps: PartialBlobDeps,
    options: {
      readonly digest: Digest;
      readonly table: PieceTable;
      readonly files: PartialFiles;
      readonly begun: Promise<void>;
      readonly onClose: () => void;
    },
  ) {
    const { digest, table, files, onClose } = options;
    this.#deps = deps;
    this.#digest = digest;
    this.table = table;
    this.verified = new Bitfield(pieceCount(table));
    this.#files = files;
    this.#onClose = onClose;
    this.#saving = options.begun.catch((error: unknown) => this.#couldNotSave(error));
    this.#writeBack = new WriteBack(files.data);
    this.#pieces = new PieceWrites(files.data, table);
    const algorithm = algorithmOf(digest);
    this.#hash = new PartialHash(deps, { algorithm, table, path: files.path, written: this.#pieces.written });
  }

  /**
   * @param options.marked pieces said to be in the file; only those whose hash is right are kept.
   * @param options.begun the folder gets what is needed beside pieces to come back to it.
   */
  static async open(
    deps: PartialBlobDeps,
    options: {
      readonly digest: Digest;
      readonly table: PieceTable;
      readonly files: PartialFiles;
      readonly marked: Bitfield;
      readonly begun: Promise<void>;
      readonly onClose: () => void;
    },
  ): Promise<PartialBlobFile> {
    const blob = new PartialBlobFile(deps, options);
    try {
      await blob.#check(options.marked);
      return blob;
    } catch (error) {
      await blob[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Settles when it is closed, if somebody is closing it. */
  get closing(): Promise<void> | undefined {
    return this.#closing;
  }

  async acquireBuffer(pieceIndex: number, signal: AbortSignal): Promise<PieceBuffer> {
    this.#demandOpen();
    const pooled = await this.#deps.buffers.acquire(pieceLength(this.table, pieceIndex), signal);
    const buffer: PieceBuffer = { pieceIndex, bytes: pooled.bytes, release: () => this.#giveBack(buffer) };
    this.#lent.set(buffer, pooled);
    return buffer;
  }

  writePiece(buffer: PieceBuffer, onRight: () => void = () => undefined): Promise<boolean> {
    this.#demandOpen();
    const pooled = this.#lent.get(buffer);
    invariant(pooled !== undefined, 'a piece is written from a buffer that is out');
    this.#lent.delete(buffer); // from here on its `release` does nothing
    const writing = this.#writePiece(buffer.pieceIndex, pooled, onRight).finally(() => {
      this.#writes.delete(writing);
    });
    this.#writes.add(writing);
    return writing;
  }

  reserveRest(): Promise<void> {
    this.#demandOpen();
    return this.#files.space.resize(this.table.sizeBytes - bytesOfPieces(this.table, this.verified));
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    this.#demandOpen();
    return this.#pieces.read(target, position);
  }

  verifyWhole(): Promise<void> {
    this.#wholeCheck ??= this.#verifyWhole();
    return this.#wholeCheck;
  }

  finish(): Promise<void> {
    this.#finishing ??= this.#finish();
    return this.#finishing;
  }

  async #finish(): Promise<void> {
    await Promise.all([this.verifyWhole(), this.#flush()]);
    await this.#deps.blobs.adopt({ digest: this.#digest, path: this.#files.path, table: this.table });
    await this.#discard();
  }

  /** Keeps the pieces for another time, unless they became a blob or were thrown away. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #check(marked: Bitfield): Promise<void> {
    const next = piecesOf(marked); // shared by the checks below: each takes the next piece
    const checkNext = async (): Promise<void> => {
      for (const pieceIndex of next) {
        if (!(await this.#isRightOnDisk(pieceIndex))) continue;
        this.#pieces.written.add(pieceIndex);
        this.verified.add(pieceIndex);
      }
    };
    await Promise.all(Array.from({ length: MAX_CHECKS }, checkNext));
    if (!this.#isInline && this.verified.count > 0) this.#hash.wrote();
  }

  async #isRightOnDisk(pieceIndex: number): Promise<boolean> {
    if (!this.#isInline) return this.#hash.verifyFile(pieceIndex);
    const bytes = new Uint8Array(pieceLength(this.table, pieceIndex));
    await readFully(this.#files.data, bytes, pieceIndex * this.table.pieceBytes);
    return this.#isRight(pieceIndex, bytes);
  }

  async #writePiece(pieceIndex: number, buffer: PooledBuffer, onRight: () => void): Promise<boolean> {
    const { bytes } = buffer;
    let absorbed: Promise<void> | undefined;
    try {
      if (!this.verified.has(pieceIndex)) {
        if (!(await this.#isRight(pieceIndex, bytes))) return false;
        await this.#files.space.spend(bytes.byteLength);
      }
      if (!this.verified.add(pieceIndex)) {
        onRight(); // it came before, and is written or being written
        return true;
      }
      if (!this.#isInline) absorbed = this.#hash.absorb(pieceIndex, bytes);
      const writing = this.#write(pieceIndex, bytes);
      onRight();
      await writing;
      this.#writeBack.wrote(bytes.byteLength);
      this.#saveSoon();
      if (!this.#isInline) this.#hash.wrote();
      return true;
    } finally {
      this.#giveBackAfter(buffer, absorbed);
    }
  }

  /** A piece is there for others as soon as it is written; its buffer is still hashed as part of the whole. */
  #giveBackAfter(buffer: PooledBuffer, use: Promise<void> | undefined): void {
    if (use === undefined) {
      buffer.release();
      return;
    }
    const done = use.then(() => {
      buffer.release();
      this.#writes.delete(done);
    });
    this.#writes.add(done);
  }

  async #write(pieceIndex: number, bytes: Uint8Array): Promise<void> {
    try {
      await this.#pieces.write(pieceIndex, bytes);
    } catch (error) {
      this.verified.remove(pieceIndex);
      throw error;
    }
  }

  get #isInline(): boolean {
    return this.table.sizeBytes <= HASHED_HERE_BYTES;
  }

  async #isRight(pieceIndex: number, bytes: Uint8Array): Promise<boolean> {
    if (!this.#isInline) return this.#hash.verify(pieceIndex, bytes);
    return Buffer.compare(hashPiece(bytes), pieceHash(this.table, pieceIndex)) === 0;
  }

  #giveBack(buffer: PieceBuffer): void {
    this.#lent.get(buffer)?.release();
    this.#lent.delete(buffer);
  }

  async #verifyWhole(): Promise<void> {
    this.#demandOpen();
    // Pieces that came twice may still be on their way; nothing is written to a file that becomes a blob.
    await Promise.allSettled(this.#writes);
    this.#pieces.demandAll();
    const algorithm = algorithmOf(this.#digest);
    const hash = this.#isInline ? await this.#hashHere(algorithm) : await this.#hash.finish();
    const got = digestFromHash(algorithm, hash);
    if (got === this.#digest) return;
    await this.#discard();
    throw new AppError('digest_mismatch', 'the pieces do not make up the blob', {
      detail: { want: this.#digest, got },
    });
  }

  async #hashHere(algorithm: DigestAlgorithm): Promise<Uint8Array> {
    const bytes = new Uint8Array(this.table.sizeBytes);
    const count = await readFully(this.#files.data, bytes, 0);
    const whole = new WholeHasher(algorithm);
    whole.update(bytes.subarray(0, count));
    return whole.finish().hash;
  }

  async #flush(): Promise<void> {
    try {
      await this.#writeBack.finish();
    } catch (error) {
      await this.#discard(); // what a failed flush left on the disk is unknown
      throw spaceError(error);
    }
  }

  /** Throws away what is left of it on disk. */
  async #discard(): Promise<void> {
    this.#isGone = true;
    this.#save?.cancel();
    await this.#saving;
    await rm(this.#files.folder, { recursive: true, force: true });
  }

  #demandOpen(): void {
    invariant(this.#closing === undefined, 'a closed partial blob is not used');
  }

  #saveSoon(): void {
    if (this.#save !== undefined || this.#isGone) return;
    this.#save = this.#deps.clock.schedule(SAVE_EVERY_MS, () => {
      this.#save = undefined;
      this.#saveNow();
    });
  }

  /** Bits that are lost or torn only cost their pieces: each is hashed again before it counts. */
  #saveNow(): void {
    this.#saving = this.#saving.then(async () => {
      if (this.#isGone) return;
      try {
        await writeFully(this.#files.have, this.#pieces.written.toBytes(), 0);
      } catch (error) {
        this.#couldNotSave(error);
      }
    });
  }

  #couldNotSave(error: unknown): void {
    this.#deps.log.warn({ err: error, digest: this.#digest }, 'progress of a download could not be written');
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#writes, this.#wholeCheck, this.#finishing]);
    this.#save?.cancel();
    this.#saveNow();
    await this.#saving;
    await this.#writeBack.settle();
    this.#hash.close();
    this.#files.space.release();
    await this.#files.data.close();
    await this.#files.have.close();
    this.#onClose();
  }
}

function* piecesOf(field: Bitfield): Generator<number, undefined> {
  for (let index = 0; index < field.length; index += 1) if (field.has(index)) yield index;
}

/** How long these pieces are together. */
export function bytesOfPieces(table: PieceTable, pieces: Bitfield): number {
  let bytes = 0;
  for (const piece of piecesOf(pieces)) bytes += pieceLength(table, piece);
  return bytes;
}

/** Where the bytes of a partial blob lie in its folder. */
export function partialPath(folder: string, name: 'data' | 'have' | 'table'): string {
  return join(folder, name);
}
