// Who waits for one download, and so what of it is wanted. When everybody left it goes on for a while, since docker tries again.

import type { ByteRange } from '../../shared/oci/byte-range.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import type { AppError } from '../../shared/runtime/errors.ts';
import type { DownloadReader } from './download-reader.ts';

export class DownloadAudience {
  readonly #clock: Clock;
  readonly #left: () => void;
  readonly #wholeAsked: () => void;
  readonly #lingerMs: number;
  readonly #readers = new Set<DownloadReader>();
  /** Callers of `replicate`. */
  #replicaCount = 0;
  #linger: Scheduled | undefined;
  #isWholeAsked = false;
  /** All of it is fetched although nobody asked for more than parts. */
  isFilling = false;

  /** @param deps.wholeAsked called for the first who wants all of it. @param deps.left nobody came back in time. */
  constructor(
    deps: { readonly clock: Clock; readonly wholeAsked: () => void; readonly left: () => void },
    options: { readonly lingerMs: number },
  ) {
    this.#clock = deps.clock;
    this.#left = deps.left;
    this.#wholeAsked = deps.wholeAsked;
    this.#lingerMs = options.lingerMs;
  }

  /** A client waits. */
  get hasReaders(): boolean {
    return this.#readers.size > 0;
  }

  /** Somebody reads all of it or wants it here, or did. */
  get isWholeAsked(): boolean {
    return this.#isWholeAsked;
  }

  get isWholeWanted(): boolean {
    return this.#isWholeAsked || this.isFilling;
  }

  /** What each client reads; undefined for one that reads all. */
  get ranges(): ReadonlyArray<readonly ByteRange[] | undefined> {
    return [...this.#readers].map((reader) => reader.ranges);
  }

  /** Where clients read, as piece numbers. */
  positions(pieceBytes: number): readonly number[] {
    return [...this.#readers].map((reader) => Math.floor(reader.position / pieceBytes));
  }

  addReader(reader: DownloadReader): void {
    this.#readers.add(reader);
    if (reader.ranges === undefined) this.#askWhole();
    this.#linger?.cancel();
  }

  removeReader(reader: DownloadReader): void {
    this.#readers.delete(reader);
    this.#lingerIfAlone();
  }

  addReplica(): void {
    this.#replicaCount += 1;
    this.#askWhole();
    this.#linger?.cancel();
  }

  removeReplica(): void {
    this.#replicaCount -= 1;
    this.#lingerIfAlone();
  }

  /** What was given so far may be wrong. */
  tear(reason: AppError): void {
    for (const reader of this.#readers) reader.tear(reason);
  }

  stop(): void {
    this.#linger?.cancel();
  }

  #askWhole(): void {
    if (this.#isWholeAsked) return;
    this.#isWholeAsked = true;
    this.#wholeAsked();
  }

  #lingerIfAlone(): void {
    if (this.#readers.size > 0 || this.#replicaCount > 0 || this.isFilling) return;
    this.#linger?.cancel();
    this.#linger = this.#clock.schedule(this.#lingerMs, this.#left);
  }
}
