// Writing so that it is still there after the power went: flush the bytes, rename, flush the folder.

import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import { FOLDER_MODE, FILE_MODE, TEMPORARY_SUFFIX } from './store-paths.ts';

/** Makes a folder whose name survives a power cut; harmless when it is there. The parent has to exist. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: FOLDER_MODE });
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    return;
  }
  await syncFolder(dirname(path));
}

/** Flushes the names in a folder. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces a file at once by new bytes, flushed. The caller flushes the folder. */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = path + TEMPORARY_SUFFIX;
  try {
    const handle = await open(temporary, 'w', FILE_MODE);
    try {
      await writeFully(handle, bytes, 0);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Writes all of `bytes` at `position`. @throws {AppError} `not_enough_space` when the disk is full. */
export async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  try {
    while (done < bytes.byteLength) {
      const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done, position + done);
      done += bytesWritten;
    }
  } catch (error) {
    throw spaceError(error);
  }
}

/** Fills `target` from `position` on; stops early only at the end of the file. @returns bytes read. */
export async function readFully(handle: FileHandle, target: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < target.byteLength) {
    const { bytesRead } = await handle.read(target, done, target.byteLength - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** `not_enough_space` for what the system says when a disk or a quota is full; anything else as it is. */
export function spaceError(error: unknown): unknown {
  if (isAppError(error) || !(hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT'))) return error;
  return new AppError('not_enough_space', 'the disk is full', { cause: error });
}

/** What was thrown, as an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** True when `error` is one of the operating system with this code. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
