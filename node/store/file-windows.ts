// Lends stretches of files to whoever hands them to the system, without a copy in between.
//
// A read into a buffer and a write from it copy every byte twice, and wake another thread for each read. A window is a
// mapping of the file instead, which the system reads from by itself when it is written to a socket: half the CPU time.
// Only what is in the page cache is lent, since reading from a window waits for the disk on the thread that writes.

import type { Logger } from '../../shared/runtime/log.ts';
import type { LentBytes } from '../content/blob-reader.ts';
import { loadLinuxMemory, type FileWindow, type LinuxMemory, type LoadedLinuxMemory } from './linux-memory.ts';

/** What a socket holds at most: smaller ones cost calls and page faults; others wait about a millisecond for their turn. */
const WINDOW_BYTES = 4 * 1024 * 1024;
/** Address space of 1 GiB in all; one window for each client that takes bytes. Who finds none reads into buffers. */
const MAX_WINDOWS = 256;

/** The windows of a process. They are address space and hold no memory but the page cache's. */
export class FileWindows {
  readonly #log: Logger;
  readonly #load: () => Promise<LoadedLinuxMemory>;
  #memory: LinuxMemory | undefined;
  #loading: Promise<void> | undefined;
  readonly #free: FileWindow[] = [];
  #windowCount = 0;
  #lentCount = 0;

  /** @param deps.load gives the calls of the system; where there are none, nothing is ever lent. */
  constructor(deps: { readonly log: Logger; readonly load?: () => Promise<LoadedLinuxMemory> }) {
    this.#log = deps.log;
    this.#load = deps.load ?? loadLinuxMemory;
  }

  /** Windows that are out. */
  get lentCount(): number {
    return this.#lentCount;
  }

  /** Gets the calls of the system, the first time; before that nothing is lent. Never rejects. */
  prepare(): Promise<void> {
    this.#loading ??= this.#load().then((loaded) => {
      if (loaded.type === 'loaded') this.#memory = loaded.memory;
      if (loaded.type === 'missing')
        this.#log.info(
          { reason: loaded.reason },
          'the optional package koffi is not here: sending blobs to clients takes about twice the CPU time; `npm install --include=optional` in the checkout brings it',
        );
    });
    return this.#loading;
  }

  /** True when nothing of a stretch has to be fetched from the disk. @param fd stays open until this resolves. */
  async isCached(fd: number, position: number, lengthBytes: number): Promise<boolean> {
    return this.#memory !== undefined && this.#memory.isCached(fd, position, lengthBytes);
  }

  /** Looks whether as much as a window shows is cached, and lends it if so; see `isCached` and `lend`. */
  async lendCached(fd: number, position: number, maxBytes: number): Promise<LentBytes | undefined> {
    const lengthBytes = Math.min(WINDOW_BYTES, maxBytes);
    return (await this.isCached(fd, position, lengthBytes)) ? this.lend(fd, position, lengthBytes) : undefined;
  }

  /**
   * Lends up to `maxBytes` of a file that must not become shorter, after `isCached` said that they are.
   * @returns undefined when all windows are out, or there are none on this system.
   */
  lend(fd: number, position: number, maxBytes: number): LentBytes | undefined {
    const memory = this.#memory;
    if (memory === undefined) return undefined;
    const inPage = position % memory.pageBytes;
    const lengthBytes = Math.min(WINDOW_BYTES - inPage, maxBytes);
    const window = this.#take(memory);
    if (window === undefined) return undefined;
    if (!window.show(fd, position - inPage)) {
      // What its addresses show now is unknown, so it is never used again.
      this.#windowCount -= 1;
      return undefined;
    }
    this.#lentCount += 1;
    let isOut = true;
    return {
      bytes: window.bytes.subarray(inPage, inPage + lengthBytes),
      release: () => {
        if (!isOut) return;
        isOut = false;
        this.#lentCount -= 1;
        this.#takeBack(window);
      },
    };
  }

  #take(memory: LinuxMemory): FileWindow | undefined {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#windowCount >= MAX_WINDOWS) return undefined;
    const window = memory.reserve(WINDOW_BYTES);
    this.#windowCount += 1;
    return window;
  }

  /** A window that went on showing a file would keep a deleted one on the disk. */
  #takeBack(window: FileWindow): void {
    if (window.hide()) this.#free.push(window);
    else this.#windowCount -= 1;
  }
}
