// Goes through the names of all whole blobs without holding them, and repairs what a crash left between them.

import type { Stats } from 'node:fs';
import { opendir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isDigest, type Digest } from '../../shared/oci/digest.ts';
import { hasCode, makeFolder } from './flushed-file.ts';
import { TABLE_SUFFIX, TEMPORARY_SUFFIX, type StorePaths } from './store-paths.ts';

/** The algorithms whose blobs are kept. */
const ALGORITHMS = ['sha256', 'sha512'] as const;
const SHARD_NAME = /^[0-9a-f]{2}$/;

/** One whole blob found on disk. */
export interface FoundBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** The time of its file, which uses bring up to date. */
  readonly lastUsedMs: number;
}

/** Makes the folders that all shards lie in. */
export async function makeBlobFolders(paths: StorePaths): Promise<void> {
  await makeFolder(paths.blobs);
  for (const algorithm of ALGORITHMS) await makeFolder(join(paths.blobs, algorithm));
}

/** Every whole blob, in no order; one that is removed meanwhile may be left out. */
export async function* walkBlobs(paths: StorePaths): AsyncGenerator<FoundBlob> {
  for await (const { algorithm, shard, name } of walkNames(paths)) {
    const text = `${algorithm}:${name}`;
    if (!isDigest(text)) continue;
    const found = await statOf(join(shard, name));
    if (found !== undefined) yield { digest: text, sizeBytes: found.size, lastUsedMs: found.mtimeMs };
  }
}

/** Deletes temporary files, and tables whose blob did not come to be. Only before anything else runs. */
export async function repairBlobs(paths: StorePaths): Promise<void> {
  for await (const { shard, name } of walkNames(paths)) {
    const path = join(shard, name);
    const isOrphan = name.endsWith(TABLE_SUFFIX) && (await sizeOf(path.slice(0, -TABLE_SUFFIX.length))) === undefined;
    if (isOrphan || name.endsWith(TEMPORARY_SUFFIX)) await rm(path, { force: true });
  }
}

/** The size of a file, undefined when it is not there. */
export async function sizeOf(path: string): Promise<number | undefined> {
  return (await statOf(path))?.size;
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

interface FoundName {
  readonly algorithm: string;
  readonly shard: string;
  readonly name: string;
}

async function* walkNames(paths: StorePaths): AsyncGenerator<FoundName> {
  for (const algorithm of ALGORITHMS) {
    const folder = join(paths.blobs, algorithm);
    for await (const shardEntry of await opendir(folder)) {
      if (!SHARD_NAME.test(shardEntry.name)) continue;
      const shard = join(folder, shardEntry.name);
      for await (const { name } of await opendir(shard)) yield { algorithm, shard, name };
    }
  }
}
