// The files of this repository, for documents that are made from them.

import { readFile, readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SourceFile } from './constant-value.ts';

export const repositoryRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/** Every TypeScript file under the given folders, in order of path. */
export async function readSources(folders: readonly string[]): Promise<readonly SourceFile[]> {
  const sources: SourceFile[] = [];
  for (const folder of folders) {
    for (const entry of await readdir(join(repositoryRoot, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
      const path = join(entry.parentPath, entry.name);
      sources.push({ file: relative(repositoryRoot, path), text: await readFile(path, 'utf8') });
    }
  }
  return sources.sort((a, b) => (a.file < b.file ? -1 : 1));
}
