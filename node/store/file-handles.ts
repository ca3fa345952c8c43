// Open files of whole blobs, shared by their readers.

import { open, type FileHandle } from 'node:fs/promises';
import { AppError } from '../../shared/runtime/errors.ts';
import { hasCode } from './flushed-file.ts';

/** Descriptors in use at once: so many different blobs are read at one moment, and the next is refused with 429. */
const MAX_HANDLES = 1024;
/** Descriptors kept open after their last reader left, for the next one; the longest unused is closed first. */
const MAX_IDLE_HANDLES = 64;

/** A file that stays open until released, also when it is removed meanwhile. */
export interface HandleLease {
  readonly handle: FileHandle;
  readonly sizeBytes: number;
  /** Harmless when called again. */
  release(): Promise<void>;
}

interface Entry {
  readonly path: string;
  /** Undefined when there is no such file. */
  readonly opened: Promise<{ readonly handle: FileHandle; readonly sizeBytes: number } | undefined>;
  users: number;
  /** Whether the next reader may have it; false once the file was removed. */
  isCurrent: boolean;
  isClosed: boolean;
}

/** One descriptor for each file, least recently used closed first. */
export class FileHandles implements AsyncDisposable {
  readonly #entries = new Map<string, Entry>();
  /** Without users, longest unused first. */
  readonly #idle = new Set<Entry>();
  #openCount = 0;

  get openCount(): number {
    return this.#openCount;
  }

  /** @returns undefined when there is no such file. @throws {AppError} `too_many_requests` when too many are in use. */
  async acquire(path: string): Promise<HandleLease | undefined> {
    const entry = this.#entries.get(path) ?? (await this.#open(path));
    entry.users += 1;
    this.#idle.delete(entry);
    const opened = await entry.opened.catch(async (error: unknown) => {
      await this.#release(entry);
      throw error;
    });
    if (opened === undefined) {
      await this.#release(entry);
      return undefined;
    }
    let isReleased = false;
    return {
      ...opened,
      release: async () => {
        if (isReleased) return;
        isReleased = true;
        await this.#release(entry);
      },
    };
  }

  /** Gives `path` to nobody any more: it was removed or replaced. Those who have it keep it. */
  async forget(path: string): Promise<void> {
    const entry = this.#entries.get(path);
    if (entry === undefined) return;
    entry.isCurrent = false;
    this.#entries.delete(path);
    if (this.#idle.delete(entry)) await this.#close(entry);
  }

  /** Closes what nobody uses; the rest is closed by its last user. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const path of this.#entries.keys()) await this.forget(path);
  }

  async #open(path: string): Promise<Entry> {
    if (this.#openCount >= MAX_HANDLES) {
      const [oldest] = this.#idle;
      if (oldest === undefined) throw new AppError('too_many_requests', 'too many blobs are read at once');
      await this.forget(oldest.path);
      const meanwhile = this.#entries.get(path);
      if (meanwhile !== undefined) return meanwhile;
    }
    this.#openCount += 1;
    const entry: Entry = { path, opened: openForReading(path), users: 0, isCurrent: true, isClosed: false };
    this.#entries.set(path, entry);
    return entry;
  }

  async #release(entry: Entry): Promise<void> {
    entry.users -= 1;
    if (entry.users > 0) return;
    const isOpen = await entry.opened.then(
      (opened) => opened !== undefined,
      () => false, // who acquired it got this failure
    );
    if (entry.users > 0 || this.#idle.has(entry)) return;
    if (!entry.isCurrent) return this.#close(entry);
    if (!isOpen) {
      this.#entries.delete(entry.path);
      entry.isCurrent = false;
      return this.#close(entry);
    }
    this.#idle.add(entry);
    const [oldest] = this.#idle;
    if (this.#idle.size > MAX_IDLE_HANDLES && oldest !== undefined) await this.forget(oldest.path);
  }

  async #close(entry: Entry): Promise<void> {
    if (entry.isClosed) return;
    entry.isClosed = true;
    this.#openCount -= 1;
    const opened = await entry.opened.catch(() => undefined); // who acquired it got this failure
    await opened?.handle.close();
  }
}

async function openForReading(path: string): Promise<{ handle: FileHandle; sizeBytes: number } | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    return { handle, sizeBytes: (await handle.stat()).size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}
