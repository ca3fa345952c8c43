// All downloads under way. Their pieces stay on disk across restarts until they become a blob or nobody came back.

import { constants } from 'node:fs';
import { mkdir, open, readFile, readdir, rm, stat, utimes, writeFile, type FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isDigest, type Digest } from '../../shared/oci/digest.ts';
import { Bitfield } from '../../shared/pieces/bitfield.ts';
import { isSameTable, parsePieceTable, pieceCount, type PieceTable } from '../../shared/pieces/piece-table.ts';
import type { Scheduled } from '../../shared/runtime/clock.ts';
import { AppError, invariant, isAppError } from '../../shared/runtime/errors.ts';
import type { PartialBlob, PartialStore } from '../content/blob-store.ts';
import { hasCode, spaceError } from './flushed-file.ts';
import { PartialBlobFile, bytesOfPieces, partialPath, type PartialBlobDeps } from './partial-blob-file.ts';
import { decodePieceTable, encodePieceTable } from './piece-table-file.ts';
import type { SpaceGuard, SpaceReservation } from './space-guard.ts';
import { FOLDER_MODE, FILE_MODE, type StorePaths } from './store-paths.ts';

/** How often downloads that nobody came back to are looked for. */
const PURGE_EVERY_MS = 60 * 60_000;

interface PartialBlobsDeps extends PartialBlobDeps {
  readonly paths: StorePaths;
  readonly space: SpaceGuard;
}

/** The partial store. */
export class PartialBlobs implements PartialStore, AsyncDisposable {
  readonly #deps: PartialBlobsDeps;
  readonly #expiryMs: number;
  /** Owned now, or being opened. */
  readonly #open = new Map<Digest, Promise<PartialBlobFile>>();
  #purge: Scheduled | undefined;
  #isClosed = false;

  private constructor(deps: PartialBlobsDeps, options: { readonly expiryMs: number }) {
    this.#deps = deps;
    this.#expiryMs = options.expiryMs;
  }

  /** @param options.expiryMs pieces of a download are thrown away when it was not opened for so long. */
  static async open(deps: PartialBlobsDeps, options: { readonly expiryMs: number }): Promise<PartialBlobs> {
    const partials = new PartialBlobs(deps, options);
    await partials.#purgeExpired();
    partials.#purgeLater();
    return partials;
  }

  async openPartial(
    digest: Digest,
    table: PieceTable,
    options: { readonly room: 'all' | 'as_needed' } = { room: 'all' },
  ): Promise<PartialBlob> {
    parsePieceTable(table);
    const before = this.#open.get(digest);
    if (before !== undefined) {
      const { closing } = await before;
      invariant(closing !== undefined, 'a partial blob has one owner');
      await closing;
    }
    if (this.#isClosed) throw new AppError('shutting_down', 'the node is shutting down');
    invariant(!this.#open.has(digest), 'a partial blob has one owner');
    const opening = this.#openFiles(digest, table, options);
    this.#open.set(digest, opening);
    try {
      return await opening;
    } catch (error) {
      this.#open.delete(digest);
      throw spaceError(error);
    }
  }

  /** Closes what its owners left open. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#purge?.cancel();
    const left = await Promise.allSettled(this.#open.values());
    for (const outcome of left) if (outcome.status === 'fulfilled') await outcome.value[Symbol.asyncDispose]();
  }

  async #openFiles(
    digest: Digest,
    table: PieceTable,
    options: { readonly room: 'all' | 'as_needed' },
  ): Promise<PartialBlobFile> {
    const folder = this.#deps.paths.partial(digest);
    const isAfresh = await this.#beginAfresh(digest, folder, table);
    const marked = isAfresh ? new Bitfield(pieceCount(table)) : await readMarks(folder, table);
    const missingBytes = options.room === 'all' ? table.sizeBytes - bytesOfPieces(table, marked) : 0;
    const space = await this.#deps.space.reserve(missingBytes);
    const files = await openFiles(folder, table, space);
    const onClose = (): void => {
      this.#open.delete(digest);
    };
    const begun = beginSaving(folder, isAfresh ? table : undefined, this.#deps.clock.wallMs());
    return PartialBlobFile.open(this.#deps, { digest, table, files, marked, begun, onClose });
  }

  /** As a rule there is no folder yet; then nothing is looked for in it, since a client may be waiting. @returns false when it has pieces. */
  async #beginAfresh(digest: Digest, folder: string, table: PieceTable): Promise<boolean> {
    if (await makeFolder(folder)) return true;
    if (!(await this.#isUnusable(digest, folder, table))) return false;
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { mode: FOLDER_MODE });
    return true;
  }

  /** Old pieces are of no use with another table, and not needed any more for a blob that is here. */
  async #isUnusable(digest: Digest, folder: string, table: PieceTable): Promise<boolean> {
    const kept = await readTable(partialPath(folder, 'table'));
    if (kept === undefined || !isSameTable(kept, table)) return true;
    return exists(this.#deps.paths.blob(digest));
  }

  async #purgeExpired(): Promise<void> {
    const before = this.#deps.clock.wallMs() - this.#expiryMs;
    for (const name of await readdir(this.#deps.paths.partials)) {
      const folder = join(this.#deps.paths.partials, name);
      const digest = basename(name).replace('-', ':');
      if (isDigest(digest) && this.#open.has(digest)) continue;
      if (isDigest(digest) && (await stat(folder)).mtimeMs >= before) continue;
      await rm(folder, { recursive: true, force: true });
    }
  }

  #purgeLater(): void {
    if (this.#isClosed) return;
    this.#purge = this.#deps.clock.schedule(Math.min(PURGE_EVERY_MS, this.#expiryMs), () => {
      this.#purgeExpired()
        .catch((error: unknown) => this.#deps.log.warn({ err: error }, 'old downloads could not be removed'))
        .finally(() => this.#purgeLater());
    });
  }
}

/** @returns false when there was one. */
async function makeFolder(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: FOLDER_MODE });
    return true;
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    return false;
  }
}

/** What makes a folder worth coming back to; pieces need not wait for it. A folder without a table is not resumed. */
async function beginSaving(folder: string, table: PieceTable | undefined, wallMs: number): Promise<void> {
  if (table !== undefined) await writeFile(partialPath(folder, 'table'), encodePieceTable(table), { mode: FILE_MODE });
  await touch(folder, wallMs);
}

/** Both files at once. */
async function openFiles(folder: string, table: PieceTable, space: SpaceReservation) {
  const flags = constants.O_RDWR | constants.O_CREAT;
  const path = partialPath(folder, 'data');
  const opened: FileHandle[] = [];
  const openFile = async (file: string): Promise<FileHandle> => {
    const handle = await open(file, flags, FILE_MODE);
    opened.push(handle);
    return handle;
  };
  const openData = async (): Promise<FileHandle> => {
    const data = await openFile(path);
    await data.truncate(table.sizeBytes);
    return data;
  };
  const opening = [openData(), openFile(partialPath(folder, 'have'))] as const;
  try {
    const [data, have] = await Promise.all(opening);
    return { folder, path, data, have, space };
  } catch (error) {
    await Promise.allSettled(opening);
    space.release();
    for (const handle of opened) await handle.close();
    throw error;
  }
}

/** @returns undefined when there is none that can be read. */
async function readTable(path: string): Promise<PieceTable | undefined> {
  try {
    return decodePieceTable(await readFile(path));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Bits that cannot be read count as none. */
async function readMarks(folder: string, table: PieceTable): Promise<Bitfield> {
  try {
    return Bitfield.parse(pieceCount(table), await readFile(partialPath(folder, 'have')));
  } catch (error) {
    if (!hasCode(error, 'ENOENT') && !isAppError(error, 'message_invalid')) throw error;
    return new Bitfield(pieceCount(table));
  }
}

/** Expiry goes by our own clock. */
async function touch(folder: string, wallMs: number): Promise<void> {
  await utimes(folder, wallMs / 1000, wallMs / 1000);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}
