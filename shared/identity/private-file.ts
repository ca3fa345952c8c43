// Small files that hold keys: readable by their owner alone, whole or absent, flushed.

import { randomUUID } from 'node:crypto';
import { chmod, link, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from '../runtime/log.ts';
import { makeFolders } from '../runtime/make-folders.ts';

const OWNER_ONLY_FILE = 0o600;
const OWNER_ONLY_FOLDER = 0o700;

/** Replaces `path` in one step: temporary name, flush, rename, flush of the folder. Makes the folder when absent. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const temporary = await writeTemporary(path, text);
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await flushFolder(dirname(path));
}

/** As `writePrivateFile`, but never replaces a file. @returns false when there is one already. */
export async function createPrivateFile(path: string, text: string): Promise<boolean> {
  const temporary = await writeTemporary(path, text);
  try {
    await link(temporary, path);
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  await flushFolder(dirname(path));
  return true;
}

/** The text of a private file, undefined when absent. One that others could read is closed to them, with a warning. */
export async function readPrivateFile(path: string, log: Logger): Promise<string | undefined> {
  try {
    const text = await readFile(path, 'utf8');
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      await chmod(path, OWNER_ONLY_FILE);
      log.warn({ path }, 'a file with a private key was open to others; closed it, consider the key known');
    }
    return text;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function writeTemporary(path: string, text: string): Promise<string> {
  await makeFolders(dirname(path), OWNER_ONLY_FOLDER);
  const temporary = `${path}.${randomUUID()}.tmp`;
  const file = await open(temporary, 'wx', OWNER_ONLY_FILE);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  return temporary;
}

async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
