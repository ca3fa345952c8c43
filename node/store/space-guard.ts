// Whether the disk has room, before bytes are accepted rather than after.
//
//   free for new bytes = what the file system says (at most 1 s old, less what was written since)
//                        - reserveBytes - what running uploads and downloads still expect to write

import { statfs } from 'node:fs/promises';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';

/** How long an answer of the file system is believed; a busy registry asks thousands of times a second. */
const CACHE_MS = 1_000;

/** Reads the free bytes of the file system that holds `path`, as an ordinary user may use them. */
export async function readFreeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

/** Room that one writer may count on. */
export interface SpaceReservation {
  /** Call before writing: takes from the reservation, and beyond it from what is free. @throws {AppError} `not_enough_space` */
  spend(bytes: number): Promise<void>;
  /** Reserves so many bytes from now on, whatever it was before. @throws {AppError} `not_enough_space`; nothing changes then */
  resize(bytes: number): Promise<void>;
  /** Gives back what was not spent; harmless when called again. */
  release(): void;
}

/** Keeps count for one file system. */
export class SpaceGuard {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #readFree: () => Promise<number>;
  readonly #reserveBytes: number;
  #freeBytes = 0;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  #promisedBytes = 0;

  /**
   * @param deps.readFree asks the file system.
   * @param options.reserveBytes bytes that stay free whatever happens, so that the rest of the host goes on.
   */
  constructor(
    deps: { readonly clock: Pick<Clock, 'nowMs'>; readonly readFree: () => Promise<number> },
    options: { readonly reserveBytes: number },
  ) {
    this.#clock = deps.clock;
    this.#readFree = deps.readFree;
    this.#reserveBytes = options.reserveBytes;
  }

  /** Bytes that new content may take; never below 0. */
  async freeBytes(): Promise<number> {
    await this.#refresh();
    return Math.max(0, this.#freeBytes - this.#reserveBytes - this.#promisedBytes);
  }

  /** @param bytes what the writer knows that it will write; 0 when it does not know. @throws {AppError} `not_enough_space` */
  async reserve(bytes: number): Promise<SpaceReservation> {
    await this.#demand(bytes);
    this.#promisedBytes += bytes;
    let leftBytes = bytes;
    const take = (amount: number): void => {
      const promised = Math.min(amount, leftBytes);
      leftBytes -= promised;
      this.#promisedBytes -= promised;
    };
    return {
      spend: async (amount) => {
        if (amount > leftBytes) await this.#demand(amount - leftBytes);
        take(amount);
        this.#freeBytes -= amount;
      },
      resize: async (wantedBytes) => {
        await this.#demand(wantedBytes - leftBytes);
        this.#promisedBytes += wantedBytes - leftBytes;
        leftBytes = wantedBytes;
      },
      release: () => take(leftBytes),
    };
  }

  async #demand(bytes: number): Promise<void> {
    const free = await this.freeBytes();
    if (bytes <= free) return;
    throw new AppError('not_enough_space', 'not enough space on the disk, of which store.reserveBytes stay free', {
      detail: { wantedBytes: bytes, freeBytes: free, reserveBytes: this.#reserveBytes },
    });
  }

  async #refresh(): Promise<void> {
    if (this.#clock.nowMs() - this.#readAtMs < CACHE_MS) return;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  async #read(): Promise<void> {
    this.#freeBytes = await this.#readFree();
    this.#readAtMs = this.#clock.nowMs();
  }
}
