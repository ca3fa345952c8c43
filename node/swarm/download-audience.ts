// Who waits for one download, and therefore which parts of the blob are wanted. When everybody has left, the download goes on for a
// while, since docker tries again.

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
  /** True while the whole blob is fetched although clients asked for parts only (`peers.backgroundFill`). */
  isFilling = false;

  /**
   * @param deps.wholeAsked called once, when somebody first wants the whole blob.
   * @param deps.left called when everybody left and nobody came back within `lingerMs`.
   */
  constructor(
    deps: { readonly clock: Clock; readonly wholeAsked: () => void; readonly left: () => void },
    options: { readonly lingerMs: number },
  ) {
    this.#clock = deps.clock;
    this.#left = deps.left;
    this.#wholeAsked = deps.wholeAsked;
    this.#lingerMs = options.lingerMs;
  }

  /** True while a client reads the blob. */
  get hasReaders(): boolean {
    return this.#readers.size > 0;
  }

  /** True once somebody read the whole blob or wanted it on this host, also when they have left. */
  get isWholeAsked(): boolean {
    return this.#isWholeAsked;
  }

  get isWholeWanted(): boolean {
    return this.#isWholeAsked || this.isFilling;
  }

  /** The byte ranges that each client reads; undefined for a client that reads the whole blob. */
  get ranges(): ReadonlyArray<readonly ByteRange[] | undefined> {
    return [...this.#readers].map((reader) => reader.ranges);
  }

  /** The number of the piece that each client reads at the moment. */
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
