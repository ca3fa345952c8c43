// Takes over files that others made, as blobs. They get a name of ours in the store first, so that what is hashed is what
// is adopted, whoever renames or deletes the others' name meanwhile.
//
//   clone, link or copy ─▶ importing/<uuid> ─▶ flush, hash ─▶ adopt (blob-files.ts)
//
// A clone shares blocks until one side is written, a link is the same file twice, a copy takes its own room. Blobs are never
// written to by us, nor by the registries whose files these are.

import { randomUUID } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { chmod, copyFile, link, lstat, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { algorithmOf, digestFromHash, type Digest } from '../../shared/oci/digest.ts';
import { MAX_BLOB_BYTES, type PieceTable } from '../../shared/pieces/piece-table.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import type { AdoptedBlob, AdoptionMode, AdoptionWay, BlobStore, FileAdopter } from '../content/blob-store.ts';
import type { BlobAdopter } from './blob-files.ts';
import { BlobHash } from './blob-hash.ts';
import { hasCode, spaceError } from './flushed-file.ts';
import type { HashWorkers } from './hash-workers.ts';
import type { SpaceGuard } from './space-guard.ts';
import { FILE_MODE, type StorePaths } from './store-paths.ts';
import { hashInline, INLINE_BYTES, type BlobHashes } from './upload-hash.ts';

/** Bytes hashed between two looks at whether it is still wanted: a tenth of a second. */
const HASH_STEP_BYTES = 64 * 1024 * 1024;
/** What the system says when two names cannot share bytes: another disk, a disk that cannot, a file of another user, too many names. */
const CANNOT_SHARE: readonly string[] = [
  'EXDEV',
  'EPERM',
  'EMLINK',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EINVAL',
  'ENOTTY',
];

interface FileAdoptionDeps {
  readonly paths: StorePaths;
  readonly hashes: HashWorkers;
  readonly space: SpaceGuard;
  readonly blobs: BlobAdopter & Pick<BlobStore, 'stat' | 'table'>;
}

export class FileAdoption implements FileAdopter {
  readonly #deps: FileAdoptionDeps;

  constructor(deps: FileAdoptionDeps) {
    this.#deps = deps;
  }

  async adopt(
    file: { readonly path: string; readonly digest: Digest; readonly mode: AdoptionMode },
    signal: AbortSignal,
  ): Promise<AdoptedBlob & { readonly way: AdoptionWay }> {
    const { digest, path, mode } = file;
    const here = await this.#adopted(digest);
    if (here !== undefined) return { ...here, way: 'present' };
    const own = join(this.#deps.paths.importing, randomUUID());
    try {
      const { size: sizeBytes } = checkedFile(await lstat(path), path);
      const way = await this.#bring(path, own, { mode, sizeBytes });
      // A link to a symbolic link is one too, and the file may be another by now.
      const { size } = checkedFile(await lstat(own), path);
      await flush(own);
      const table = await this.#verify(own, { digest, sizeBytes: size }, signal);
      signal.throwIfAborted();
      await this.#deps.blobs.adopt({ digest, path: own, table });
      return { digest, sizeBytes: size, table, way };
    } catch (error) {
      throw fileError(error, path);
    } finally {
      await rm(own, { force: true });
    }
  }

  async #adopted(digest: Digest): Promise<AdoptedBlob | undefined> {
    const blob = await this.#deps.blobs.stat(digest);
    const table = blob === undefined ? undefined : await this.#deps.blobs.table(digest);
    return blob === undefined || table === undefined ? undefined : { ...blob, table };
  }

  async #bring(
    source: string,
    target: string,
    options: { readonly mode: AdoptionMode; readonly sizeBytes: number },
  ): Promise<AdoptionWay> {
    const { mode, sizeBytes } = options;
    if (mode !== 'copy') {
      if (mode === 'auto' && (await canShare(copyFile(source, target, constants.COPYFILE_FICLONE_FORCE)))) {
        await chmod(target, FILE_MODE);
        return 'cloned';
      }
      if (await canShare(link(source, target))) return 'linked';
      if (mode === 'link')
        throw new AppError(
          'not_supported',
          `${source} cannot be linked: it is on another disk than the data folder, or of another user; use --mode copy`,
        );
    }
    const space = await this.#deps.space.reserve(sizeBytes);
    try {
      await copyFile(source, target);
      await chmod(target, FILE_MODE);
    } finally {
      space.release();
    }
    return 'copied';
  }

  async #verify(
    path: string,
    blob: { readonly digest: Digest; readonly sizeBytes: number },
    signal: AbortSignal,
  ): Promise<PieceTable> {
    const { digest, sizeBytes } = blob;
    const algorithm = algorithmOf(digest);
    const hashed =
      sizeBytes <= INLINE_BYTES ? await hashInline(path, algorithm, sizeBytes) : await this.#hash(path, blob, signal);
    const got = digestFromHash(algorithm, hashed.hash);
    if (got === digest) return hashed.table;
    throw new AppError('digest_mismatch', 'the file is damaged: it does not have the digest that it is named after', {
      detail: { want: digest, got },
    });
  }

  async #hash(
    path: string,
    blob: { readonly digest: Digest; readonly sizeBytes: number },
    signal: AbortSignal,
  ): Promise<BlobHashes> {
    const hash = new BlobHash(this.#deps, { algorithm: algorithmOf(blob.digest) });
    try {
      for (let end = 0; end < blob.sizeBytes;) {
        signal.throwIfAborted();
        end = Math.min(blob.sizeBytes, end + HASH_STEP_BYTES);
        await hash.absorbFile(path, end);
      }
      const [whole, table] = await Promise.all([hash.finishWhole(), hash.finishTable()]);
      return { hash: whole, table };
    } finally {
      hash.close();
    }
  }
}

function checkedFile(stats: Stats, path: string): Stats {
  if (!stats.isFile()) throw new AppError('blob_unknown', `${path} is not an ordinary file`);
  if (stats.size > MAX_BLOB_BYTES) throw new AppError('size_mismatch', `${path} is longer than a blob may be`);
  return stats;
}

async function canShare(sharing: Promise<void>): Promise<boolean> {
  try {
    await sharing;
    return true;
  } catch (error) {
    if (CANNOT_SHARE.some((code) => hasCode(error, code))) return false;
    throw error;
  }
}

/** The bytes are on the disk when it resolves, whoever wrote them. */
async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

function fileError(error: unknown, path: string): unknown {
  if (isAppError(error)) return error;
  if (hasCode(error, 'ENOENT')) return new AppError('blob_unknown', `${path} is not there`, { cause: error });
  if (hasCode(error, 'EACCES'))
    return new AppError('access_denied', `the node may not read ${path}: it runs as another user than that file's`, {
      cause: error,
    });
  return spaceError(error);
}
