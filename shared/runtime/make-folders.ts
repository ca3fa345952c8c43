// Makes a folder with those above it. Not by Node's own `recursive`: where a file system takes no new folders and says
// that there is no such place, as Linux does below /proc, Node 20 tries again for ever.

import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from './errors.ts';

/**
 * Makes `path` and what is missing above it; harmless when it is there. Each level is tried twice at most.
 * @param mode of each folder that is made, such as 0o700.
 * @throws {AppError} `config_invalid` where no folder can be made; the system's own error for anything else.
 */
export async function makeFolders(path: string, mode: number): Promise<void> {
  try {
    await makeOne(path, mode);
  } catch (error) {
    const above = dirname(path);
    if (!isAbsent(error) || above === path) throw error;
    await makeFolders(above, mode);
    await makeBelow(above, path, mode);
  }
}

/** The folder above is there, so "no such place" can only mean that nothing is made here. */
async function makeBelow(above: string, path: string, mode: number): Promise<void> {
  try {
    await makeOne(path, mode);
  } catch (cause) {
    if (!isAbsent(cause)) throw cause;
    const message = `${path} cannot be made: the file system of ${above} takes no new folders; choose another folder with --data`;
    throw new AppError('config_invalid', message, { cause });
  }
}

async function makeOne(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (isAbsent(error) || !(await isFolder(path))) throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false, // the caller has the error that matters
  );
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
