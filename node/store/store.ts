// The storage of one node: opens the data folder, repairs it, and puts the parts together.

import { readFile, rm } from 'node:fs/promises';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { makeFolders } from '../../shared/runtime/make-folders.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import type { ArrivingStore, BlobStore, FileAdopter, PartialStore, UploadStore } from '../content/blob-store.ts';
import { ArrivingBlobs } from './arriving-blobs.ts';
import { BlobFiles } from './blob-files.ts';
import { makeBlobFolders, repairBlobs } from './blob-walk.ts';
import { BufferPool } from './buffer-pool.ts';
import { FolderLock } from './folder-lock.ts';
import { FileAdoption } from './file-adoption.ts';
import { FileHandles } from './file-handles.ts';
import { FileWindows } from './file-windows.ts';
import { hasCode, makeFolder, replaceFile, syncFolder } from './flushed-file.ts';
import { HashWorkers } from './hash-workers.ts';
import { PartialBlobs } from './partial-blobs.ts';
import { readFreeBytes, SpaceGuard } from './space-guard.ts';
import { FOLDER_MODE, LAYOUT_VERSION, StorePaths } from './store-paths.ts';
import { UploadSessions } from './upload-sessions.ts';

const HOUR_MS = 3_600_000;
const MIB = 1024 * 1024;

/** Age at which uploads and downloads that nobody came back to are deleted: the value of the reference registry (U-8). */
const DEFAULT_EXPIRY_MS = 168 * HOUR_MS;
/** How often expired uploads are looked for; often enough for an expiry of days. */
const DEFAULT_PURGE_MS = 600_000;
/** Disk that stays free, so that logs and databases on it can go on; what would not fit is refused. */
const DEFAULT_RESERVE_BYTES = 256 * MIB;
/**
 * Memory of all uploads: three large buffers, with which one upload is as fast as it gets. The next buffer waits, and whose
 * buffer is only partly full then sends it on its way.
 */
const DEFAULT_UPLOAD_BUFFER_BYTES = 12 * MIB;
/** Memory of all pieces under way, the next piece waits: twelve of the largest size. */
const DEFAULT_PIECE_BUFFER_BYTES = 48 * MIB;
/** Threads that hash, work waits for them: one makes the digest of a blob while the other makes its piece table, each at about 1.4 GB/s. */
const DEFAULT_HASH_WORKERS = 2;

/** Settings of a store. */
export interface StoreOptions {
  /** The data folder; made if it is not there. No two processes share one. */
  readonly folder: string;
  /** An upload ends this long after its last byte (U-8). @default 168 h */
  readonly uploadExpiryMs?: number;
  /** Whether expired uploads are thrown away; dry-run only logs them. @default 'on' */
  readonly uploadPurging?: 'on' | 'off' | 'dry-run';
  /** How often expired uploads are looked for. @default 10 min */
  readonly uploadPurgeMs?: number;
  /** Pieces of a download that was not opened for so long are thrown away. @default 168 h */
  readonly partialExpiryMs?: number;
  /** Bytes of the disk that stay free. @default 256 MiB */
  readonly reserveBytes?: number;
  /** Threads that hash, started when needed. @default 2 */
  readonly hashWorkers?: number;
  /** Memory for uploads under way; a multiple of 4 MiB. @default 12 MiB */
  readonly uploadBufferBytes?: number;
  /** Memory for pieces under way; a multiple of 4 MiB. @default 48 MiB */
  readonly pieceBufferBytes?: number;
}

/** Close it last: readers, uploads and partial blobs end with it. */
export interface Store extends AsyncDisposable {
  readonly blobs: BlobStore;
  readonly partials: PartialStore;
  readonly uploads: UploadStore;
  readonly files: FileAdopter;
  readonly arriving: ArrivingStore;
}

interface StoreDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** @throws {AppError} `config_invalid` when another process has the folder, or its layout is another one. */
export async function openStore(deps: StoreDeps, options: StoreOptions): Promise<Store> {
  const { clock } = deps;
  const paths = new StorePaths(options.folder);
  await makeFolders(options.folder, FOLDER_MODE);
  await using opening = new ResourceStack();
  opening.use(await FolderLock.acquire(options.folder));
  await prepare(paths);

  const readFree = (): Promise<number> => readFreeBytes(options.folder);
  const reserveBytes = options.reserveBytes ?? DEFAULT_RESERVE_BYTES;
  const space = new SpaceGuard({ clock, readFree }, { reserveBytes });
  if ((await space.freeBytes()) === 0)
    deps.log.warn(
      { folder: options.folder, freeBytes: await readFree(), reserveBytes },
      'nothing new fits on this disk, so pushes are refused: free some of it, or lower store.reserveBytes',
    );
  const hashes = opening.use(new HashWorkers({ clock }, { threadCount: options.hashWorkers ?? DEFAULT_HASH_WORKERS }));
  const handles = opening.use(new FileHandles());
  const windows = new FileWindows({ log: deps.log });
  const blobs = await BlobFiles.open({ clock, paths, handles, windows, hashes, space });

  const uploadBuffers = openPool(opening, clock, options.uploadBufferBytes ?? DEFAULT_UPLOAD_BUFFER_BYTES);
  const pieceBuffers = openPool(opening, clock, options.pieceBufferBytes ?? DEFAULT_PIECE_BUFFER_BYTES);
  const shared = { ...deps, paths, space, hashes, blobs };
  const partials = opening.use(
    await PartialBlobs.open(
      { ...shared, buffers: pieceBuffers },
      { expiryMs: options.partialExpiryMs ?? DEFAULT_EXPIRY_MS },
    ),
  );
  const uploads = opening.use(
    await UploadSessions.open(
      { ...shared, buffers: uploadBuffers },
      {
        expiryMs: options.uploadExpiryMs ?? DEFAULT_EXPIRY_MS,
        purgeEveryMs: options.uploadPurgeMs ?? DEFAULT_PURGE_MS,
        purging: options.uploadPurging ?? 'on',
      },
    ),
  );
  const arriving = new ArrivingBlobs({ ...shared, windows, buffers: uploadBuffers });
  registerMetrics(deps.metrics, { blobs, uploads, handles, windows, uploadBuffers, pieceBuffers });
  const resources = opening.move();
  const files = new FileAdoption(shared);
  return { blobs, partials, uploads, files, arriving, [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose]() };
}

function openPool(owner: ResourceStack, clock: Clock, capacityBytes: number): BufferPool {
  const pool = new BufferPool({ clock }, { capacityBytes });
  owner.defer(() => pool.close());
  return pool;
}

async function prepare(paths: StorePaths): Promise<void> {
  const found = await readLayout(paths.layout);
  if (found === undefined) {
    await replaceFile(paths.layout, Buffer.from(`${LAYOUT_VERSION}\n`));
    await syncFolder(paths.root);
  } else if (found !== String(LAYOUT_VERSION)) {
    throw new AppError(
      'config_invalid',
      `${paths.root} has layout ${found}, this program knows layout ${LAYOUT_VERSION}`,
      {
        detail: { folder: paths.root },
      },
    );
  }
  await rm(paths.importing, { recursive: true, force: true });
  for (const folder of [paths.partials, paths.uploads, paths.importing]) await makeFolder(folder);
  await rm(paths.arriving, { recursive: true, force: true });
  for (const folder of [paths.partials, paths.uploads, paths.arriving]) await makeFolder(folder);
  await makeBlobFolders(paths);
  await repairBlobs(paths);
}

async function readLayout(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim().slice(0, 20);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function registerMetrics(
  metrics: Metrics,
  parts: {
    readonly blobs: BlobFiles;
    readonly uploads: UploadSessions;
    readonly handles: FileHandles;
    readonly windows: FileWindows;
    readonly uploadBuffers: BufferPool;
    readonly pieceBuffers: BufferPool;
  },
): void {
  const { blobs, uploads, handles, windows, uploadBuffers, pieceBuffers } = parts;
  const gauge = (name: string, help: string, read: () => number): void =>
    metrics.gaugeOf({ name: `shoal_store_${name}`, help }, read);
  gauge('blobs', 'Whole blobs on disk.', () => blobs.blobCount);
  gauge('blob_bytes', 'Bytes of whole blobs on disk.', () => blobs.blobBytes);
  gauge('upload_sessions', 'Upload sessions that are open.', () => uploads.sessionCount);
  gauge('open_files', 'Descriptors of whole blobs that are open.', () => handles.openCount);
  gauge('lent_windows', 'Stretches of blobs that are written to clients from the page cache.', () => windows.lentCount);
  gauge('upload_buffer_bytes', 'Memory of uploads under way.', () => uploadBuffers.usedBytes);
  gauge('upload_buffer_waiters', 'Uploads that wait for memory.', () => uploadBuffers.waiterCount);
  gauge('piece_buffer_bytes', 'Memory of pieces under way.', () => pieceBuffers.usedBytes);
  gauge('piece_buffer_waiters', 'Pieces that wait for memory.', () => pieceBuffers.waiterCount);
}
