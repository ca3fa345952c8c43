// One process per data folder.
//
// Each process puts an empty file `lock-<pid>-<start>` into the folder and then looks for others. One of a living
// process means that the folder is taken; one of a dead process is removed. As everybody writes before looking,
// of two that come at once at least one sees the other. `start` (the process's start in clock ticks since boot)
// tells a process from an earlier one with the same number, as the main process of a container has after each start.
// Limit: processes of different hosts or containers that share a folder cannot see each other's numbers.

import { open, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../shared/runtime/errors.ts';
import { hasCode } from './flushed-file.ts';
import { FILE_MODE } from './store-paths.ts';

const LOCK_NAME = /^lock-([1-9][0-9]{0,9})-([0-9]{1,20})$/;

/** Ownership of a folder until disposed. */
export class FolderLock implements AsyncDisposable {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** @throws {AppError} `config_invalid` (detail.pid) when a living process owns the folder. */
  static async acquire(folder: string): Promise<FolderLock> {
    const own = `lock-${process.pid}-${await startOf(process.pid)}`;
    const path = join(folder, own);
    try {
      const handle = await open(path, 'wx', FILE_MODE);
      await handle.close();
    } catch (error) {
      if (hasCode(error, 'EEXIST')) throw taken(folder, process.pid);
      throw error;
    }
    try {
      await refuseOthers(folder, own);
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
    return new FolderLock(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

async function refuseOthers(folder: string, own: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const match = LOCK_NAME.exec(name);
    if (match === null || name === own) continue;
    const pid = Number(match[1]);
    if (isAlive(pid) && (await startOf(pid)) === match[2]) throw taken(folder, pid);
    await rm(join(folder, name), { force: true });
  }
}

function taken(folder: string, pid: number): AppError {
  return new AppError('config_invalid', `the data folder ${folder} is in use by process ${pid}`, {
    detail: { folder, pid },
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM'); // there, but another user's
  }
}

/**
 * Field 22 of proc(5) `/proc/<pid>/stat`; "0" where there is no such file, and "dead" for a process that nobody has
 * waited for yet. The name in field 2 may hold anything.
 */
async function startOf(pid: number): Promise<string> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 'dead' : (fields[19] ?? '0');
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ESRCH')) return '0';
    throw error;
  }
}
