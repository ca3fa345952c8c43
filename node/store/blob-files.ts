// Whole blobs under their final names, each with its piece table.
//
//   adopt: bytes flushed ─▶ table flushed ─▶ table renamed ─▶ bytes renamed ─▶ folder flushed ─▶ acknowledged
//
// A crash in between leaves a table without a blob, which the next start deletes, or nothing. A blob without a table
// (a power cut may keep one rename and lose the other) gets it computed again. A blob of one leaf needs no table
// file: its only hash is its own SHA-256.

import { readFile, rename, rm, utimes } from 'node:fs/promises';
import type { BlobReader } from '../content/blob-reader.ts';
import type { BlobStat, BlobStore, StoredBlob } from '../content/blob-store.ts';
import { algorithmOf, encodedOf, type Digest } from '../../shared/oci/digest.ts';
import { hashPiece, LEAF_BYTES, pieceBytesFor, type PieceTable } from '../../shared/pieces/piece-table.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { sizeOf, walkBlobs } from './blob-walk.ts';
import type { FileWindows } from './file-windows.ts';
import type { FileHandles } from './file-handles.ts';
import { hasCode, makeFolder, readFully, replaceFile, spaceError, syncFolder } from './flushed-file.ts';
import type { HashWorkers } from './hash-workers.ts';
import { KeyedMutex } from './mutex.ts';
import { decodePieceTable, encodePieceTable } from './piece-table-file.ts';
import type { SpaceGuard } from './space-guard.ts';
import { TABLE_SUFFIX, type StorePaths } from './store-paths.ts';
import { WholeBlobReader } from './whole-blob-reader.ts';

/** Changes of one digest that may wait for each other, far more than there are clients that push one blob; the next is refused. */
const MAX_WAITERS = 1_000;

/** A verified blob on its way to its final name. */
export interface BlobCandidate {
  readonly digest: Digest;
  /** Where its flushed bytes lie. Moved from there, unless the blob is already here. */
  readonly path: string;
  readonly table: PieceTable;
}

/** Takes over finished uploads and downloads. */
export interface BlobAdopter {
  /** Durable when it resolves. A blob that is already here stays as it is. */
  adopt(candidate: BlobCandidate): Promise<void>;
}

interface BlobFilesDeps {
  readonly clock: Clock;
  readonly paths: StorePaths;
  readonly handles: FileHandles;
  readonly windows: FileWindows;
  readonly hashes: HashWorkers;
  readonly space: SpaceGuard;
}

/** The blob store. `open` counts what is there. */
export class BlobFiles implements BlobStore, BlobAdopter {
  readonly #deps: BlobFilesDeps;
  readonly #locks = new KeyedMutex({ maxWaiters: MAX_WAITERS });
  #blobCount = 0;
  #blobBytes = 0;

  private constructor(deps: BlobFilesDeps) {
    this.#deps = deps;
  }

  static async open(deps: BlobFilesDeps): Promise<BlobFiles> {
    const files = new BlobFiles(deps);
    for await (const { sizeBytes } of walkBlobs(deps.paths)) files.#count(1, sizeBytes);
    return files;
  }

  get blobCount(): number {
    return this.#blobCount;
  }

  get blobBytes(): number {
    return this.#blobBytes;
  }

  async stat(digest: Digest): Promise<BlobStat | undefined> {
    const sizeBytes = await sizeOf(this.#deps.paths.blob(digest));
    return sizeBytes === undefined ? undefined : { digest, sizeBytes };
  }

  async open(digest: Digest): Promise<BlobReader | undefined> {
    const { paths, handles, windows } = this.#deps;
    const lease = await handles.acquire(paths.blob(digest));
    if (lease === undefined) return undefined;
    await windows.prepare();
    return new WholeBlobReader(lease, windows);
  }

  async table(digest: Digest): Promise<PieceTable | undefined> {
    const blob = await this.stat(digest);
    if (blob === undefined) return undefined;
    if (blob.sizeBytes <= LEAF_BYTES) return this.#tableOfOneLeaf(blob);
    return (await this.#readTable(blob)) ?? (await this.#locks.run(digest, () => this.#makeTable(blob)));
  }

  list(): AsyncIterable<StoredBlob> {
    return walkBlobs(this.#deps.paths);
  }

  async touch(digest: Digest): Promise<void> {
    const now = new Date(this.#deps.clock.wallMs());
    await utimes(this.#deps.paths.blob(digest), now, now).catch((error: unknown) => {
      if (!hasCode(error, 'ENOENT')) throw error;
    });
  }

  async remove(digest: Digest): Promise<void> {
    await this.#locks.run(digest, async () => {
      const path = this.#deps.paths.blob(digest);
      const sizeBytes = await sizeOf(path);
      if (sizeBytes === undefined) return;
      await rm(path, { force: true });
      await rm(path + TABLE_SUFFIX, { force: true });
      await this.#deps.handles.forget(path);
      this.#count(-1, -sizeBytes);
    });
  }

  async usage(): Promise<{ blobCount: number; blobBytes: number; freeBytes: number }> {
    const freeBytes = await this.#deps.space.freeBytes();
    return { blobCount: this.#blobCount, blobBytes: this.#blobBytes, freeBytes };
  }

  async adopt(candidate: BlobCandidate): Promise<void> {
    try {
      await this.#locks.run(candidate.digest, () => this.#adopt(candidate));
    } catch (error) {
      throw spaceError(error);
    }
  }

  async #adopt({ digest, path, table }: BlobCandidate): Promise<void> {
    const { paths } = this.#deps;
    const target = paths.blob(digest);
    if ((await sizeOf(target)) !== undefined) return;
    await makeFolder(paths.shard(digest));
    if (table.sizeBytes > LEAF_BYTES) await replaceFile(paths.table(digest), encodePieceTable(table));
    await rename(path, target);
    await syncFolder(paths.shard(digest));
    this.#count(1, table.sizeBytes);
  }

  #count(blobs: number, bytes: number): void {
    this.#blobCount += blobs;
    this.#blobBytes += bytes;
  }

  async #tableOfOneLeaf({ digest, sizeBytes }: BlobStat): Promise<PieceTable | undefined> {
    const pieceBytes = pieceBytesFor(sizeBytes);
    if (sizeBytes === 0) return { sizeBytes, pieceBytes, hashes: new Uint8Array(0) };
    if (algorithmOf(digest) === 'sha256') {
      return { sizeBytes, pieceBytes, hashes: Uint8Array.from(Buffer.from(encodedOf(digest), 'hex')) };
    }
    const lease = await this.#deps.handles.acquire(this.#deps.paths.blob(digest));
    if (lease === undefined) return undefined;
    try {
      const bytes = new Uint8Array(sizeBytes);
      await readFully(lease.handle, bytes, 0);
      return { sizeBytes, pieceBytes, hashes: Uint8Array.from(hashPiece(bytes)) };
    } finally {
      await lease.release();
    }
  }

  /** @returns undefined when there is no file, or none of this blob. */
  async #readTable({ digest, sizeBytes }: BlobStat): Promise<PieceTable | undefined> {
    try {
      const table = decodePieceTable(await readFile(this.#deps.paths.table(digest)));
      return table?.sizeBytes === sizeBytes ? table : undefined;
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** Reads the blob once more; whoever waited for the lock finds the table that the one before made. */
  async #makeTable(blob: BlobStat): Promise<PieceTable | undefined> {
    const { paths, hashes } = this.#deps;
    const path = paths.blob(blob.digest);
    if ((await sizeOf(path)) === undefined) return undefined;
    const kept = await this.#readTable(blob);
    if (kept !== undefined) return kept;
    const stream = hashes.openStream({ type: 'table' });
    try {
      await stream.absorbFile(path, blob.sizeBytes);
      const table = await stream.finishTable();
      await replaceFile(paths.table(blob.digest), encodePieceTable(table));
      return table;
    } finally {
      stream.close();
    }
  }
}
