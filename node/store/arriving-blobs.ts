// Blobs that come from an upstream: one file each, which grows from its first byte to its last and can be read meanwhile.
//
//   receive ─▶ file and hashes grow ─▶ verify: digest right? ─▶ adopt: table there, flushed, final name
//                   └─ read: whoever waits for the next byte is told 5 ms after it came at the latest

import { randomUUID } from 'node:crypto';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { algorithmOf, type Digest } from '../../shared/oci/digest.ts';
import { pieceBytesFor, type PieceTable } from '../../shared/pieces/piece-table.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { AppError, invariant } from '../../shared/runtime/errors.ts';
import { withSignal } from '../../shared/runtime/with-signal.ts';
import type { LentBytes } from '../content/blob-reader.ts';
import type { Body } from '../content/body.ts';
import type { AdoptedBlob, ArrivingBlob, ArrivingStore, BlobStat } from '../content/blob-store.ts';
import type { BlobAdopter } from './blob-files.ts';
import { BodyWriter } from './body-writer.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { FileWindows } from './file-windows.ts';
import { spaceError } from './flushed-file.ts';
import type { HashWorkers } from './hash-workers.ts';
import type { SpaceGuard, SpaceReservation } from './space-guard.ts';
import { FILE_MODE, type StorePaths } from './store-paths.ts';
import { INLINE_BYTES, UploadHash } from './upload-hash.ts';
import { WriteBack } from './write-back.ts';

/** While a reader waits, what came is written this often at the latest: a client sees no delay, and writes stay few. */
const HURRY_MS = 5;

interface Deps {
  readonly clock: Clock;
  readonly paths: StorePaths;
  readonly buffers: BufferPool;
  readonly hashes: Pick<HashWorkers, 'openStream'>;
  readonly space: SpaceGuard;
  readonly blobs: BlobAdopter;
  readonly windows: FileWindows;
}

export class ArrivingBlobs implements ArrivingStore {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async openArriving(blob: BlobStat): Promise<ArrivingBlob> {
    const path = join(this.#deps.paths.arriving, randomUUID());
    await this.#deps.windows.prepare();
    const space = await this.#deps.space.reserve(blob.sizeBytes);
    try {
      return new ArrivingBlobFile(this.#deps, { ...blob, path, space, handle: await open(path, 'wx+', FILE_MODE) });
    } catch (error) {
      space.release();
      throw spaceError(error);
    }
  }
}

class ArrivingBlobFile implements ArrivingBlob {
  readonly sizeBytes: number;
  readonly #deps: Deps;
  readonly #digest: Digest;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #space: SpaceReservation;
  readonly #hash: UploadHash;
  readonly #writeBack: WriteBack;
  #readableBytes = 0;
  #writer: BodyWriter | undefined;
  #hurry: Scheduled | undefined;
  #table: Promise<PieceTable> | undefined;
  #growth = newSignal();
  #waiterCount = 0;
  #closing: Promise<void> | undefined;

  constructor(
    deps: Deps,
    blob: BlobStat & { readonly path: string; readonly handle: FileHandle; readonly space: SpaceReservation },
  ) {
    this.#deps = deps;
    this.sizeBytes = blob.sizeBytes;
    this.#digest = blob.digest;
    this.#path = blob.path;
    this.#handle = blob.handle;
    this.#space = blob.space;
    this.#hash = new UploadHash(deps, { path: blob.path, algorithm: algorithmOf(blob.digest) });
    this.#writeBack = new WriteBack(blob.handle);
  }

  get readableBytes(): number {
    return this.#readableBytes;
  }

  async grown(position: number, signal: AbortSignal): Promise<void> {
    if (position < this.#readableBytes) return;
    this.#waiterCount += 1;
    this.#hurrySoon();
    try {
      await withSignal(this.#growth.promise, signal);
    } finally {
      this.#waiterCount -= 1;
    }
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    const length = Math.min(target.byteLength, this.#readableBytes - position);
    if (length <= 0) return 0;
    const { bytesRead } = await this.#handle.read(target, 0, length, position);
    return bytesRead;
  }

  /** The file of a blob that arrives never becomes shorter, also when it steps back. */
  async lend(position: number, maxBytes: number): Promise<LentBytes | undefined> {
    const lengthBytes = Math.min(maxBytes, this.#readableBytes - position);
    return lengthBytes <= 0 ? undefined : this.#deps.windows.lendCached(this.#handle.fd, position, lengthBytes);
  }

  async receive(body: Body, signal: AbortSignal): Promise<void> {
    invariant(this.#writer === undefined && this.#table === undefined, 'an arriving blob has one writer at a time');
    const offset = this.#readableBytes;
    const lengthBytes = this.sizeBytes - offset;
    const parts = {
      ...this.#deps,
      handle: this.#handle,
      hash: this.#hash,
      space: this.#space,
      writeBack: this.#writeBack,
    };
    const onWritten = (): void => this.#noteWritten();
    const writer = new BodyWriter({ ...parts, onWritten }, { offset, lengthBytes });
    this.#writer = writer;
    try {
      if (this.sizeBytes > INLINE_BYTES) await writer.follow();
      let receivedBytes = 0;
      const take = (bytes: Uint8Array): Promise<void> | undefined => {
        receivedBytes += bytes.byteLength;
        if (receivedBytes > lengthBytes) throw this.#wrongSize(offset + receivedBytes);
        const taken = writer.take(bytes, signal);
        if (this.#waiterCount > 0) this.#hurrySoon();
        return taken;
      };
      await body.pour(take, signal);
    } finally {
      await writer.drain();
      this.#writer = undefined;
      this.#noteWritten();
    }
    if (writer.failure !== undefined) throw spaceError(writer.failure);
  }

  pieces(firstPiece: number): Promise<Uint8Array> {
    const pieceBytes = pieceBytesFor(this.sizeBytes);
    return this.#hash.pieces({ pieceBytes, firstPiece, endBytes: this.#readableBytes });
  }

  stepBack(position: number): void {
    invariant(this.#writer === undefined, 'nothing is written while a step back is taken');
    if (position >= this.#readableBytes) return;
    this.#readableBytes = position;
    this.#hash.stepBack(position);
  }

  async verify(): Promise<void> {
    if (this.#readableBytes !== this.sizeBytes) throw this.#wrongSize(this.#readableBytes);
    try {
      const hashes = this.#hash.finish(algorithmOf(this.#digest), this.sizeBytes);
      const got = await hashes.digest;
      if (got !== this.#digest) {
        throw new AppError('digest_mismatch', 'what came does not match its digest', {
          detail: { want: this.#digest, got },
        });
      }
      this.#table = hashes.table;
    } finally {
      this.#tellGrowth();
    }
  }

  async table(): Promise<PieceTable> {
    invariant(this.#table !== undefined, 'a blob is verified before its table is asked for');
    return this.#table;
  }

  async adopt(): Promise<AdoptedBlob> {
    invariant(this.#table !== undefined, 'a blob is verified before it gets its name');
    const [table] = await Promise.all([this.#table, this.#flush()]);
    this.#hash.forget();
    await this.#deps.blobs.adopt({ digest: this.#digest, path: this.#path, table });
    return { digest: this.#digest, sizeBytes: this.sizeBytes, table };
  }

  async #flush(): Promise<void> {
    try {
      await this.#writeBack.finish();
    } catch (error) {
      throw spaceError(error);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#hurry?.cancel();
    this.#hash.forget();
    this.#space.release();
    await this.#writeBack.settle();
    await this.#handle.close();
    await rm(this.#path, { force: true });
    this.#tellGrowth();
  }

  #noteWritten(): void {
    const { writtenBytes } = this.#writer ?? { writtenBytes: this.#readableBytes };
    this.#readableBytes = Math.max(this.#readableBytes, writtenBytes);
    this.#tellGrowth();
  }

  #tellGrowth(): void {
    const told = this.#growth;
    this.#growth = newSignal();
    told.resolve();
  }

  #hurrySoon(): void {
    if (this.#hurry !== undefined || this.#writer === undefined) return;
    this.#hurry = this.#deps.clock.schedule(HURRY_MS, () => {
      this.#hurry = undefined;
      this.#writer?.hurry();
    });
  }

  #wrongSize(bytes: number): AppError {
    return new AppError('size_mismatch', 'what came is not as long as was said', {
      detail: { digest: this.#digest, bytes, sizeBytes: this.sizeBytes },
    });
  }
}

interface Signal {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function newSignal(): Signal {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
