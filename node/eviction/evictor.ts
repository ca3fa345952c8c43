// Makes room on a host that is no origin: deletes the blobs that nobody here used for the longest time. The coordinator gives
// leave for each, and never for the last copies.

import type { Digest } from '../../shared/oci/digest.ts';
import { MAX_COUNTED, type CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { BlobStore } from '../content/blob-store.ts';
import {
  evictionOrder,
  excessBytes,
  longestUnused,
  type EvictionCandidate,
  type EvictionLimits,
} from './eviction-plan.ts';

/** A use is written down again after so long: eviction thinks in hours. */
const NOTE_EVERY_MS = 30 * 60_000;
/** Blobs whose last use is remembered; beyond, all are forgotten and written down again with their next use. */
const MAX_NOTED = 100_000;

export interface EvictorDeps {
  readonly blobs: Pick<BlobStore, 'list' | 'touch' | 'usage'>;
  readonly clock: Clock;
  readonly link: CoordinatorLink;
  readonly log: Logger;
  readonly removals: { remove(digest: Digest, purpose: 'evicted'): Promise<number> };
}

export class Evictor implements AsyncDisposable {
  readonly #deps: EvictorDeps;
  readonly #limits: EvictionLimits;
  readonly #lookEveryMs: number;
  readonly #stopping = new AbortController();
  readonly #noted = new Map<Digest, number>();
  readonly #running: Promise<void>;

  /** Starts to look. */
  constructor(deps: EvictorDeps, options: EvictionLimits & { readonly lookEveryMs: number }) {
    this.#deps = deps;
    this.#limits = options;
    this.#lookEveryMs = options.lookEveryMs;
    this.#running = this.#repeat();
  }

  /** A client read this blob. */
  used(digest: Digest): void {
    const { blobs, clock, log } = this.#deps;
    const nowMs = clock.nowMs();
    const notedMs = this.#noted.get(digest);
    if (notedMs !== undefined && nowMs - notedMs < NOTE_EVERY_MS) return;
    if (this.#noted.size >= MAX_NOTED) this.#noted.clear();
    this.#noted.set(digest, nowMs);
    blobs.touch(digest).catch((err: unknown) => log.debug({ digest, err }, 'could not note the use of a blob'));
  }

  /** Looks once. @returns bytes freed. */
  async look(): Promise<number> {
    const { blobs, link, log } = this.#deps;
    const excess = excessBytes(this.#limits, await blobs.usage());
    if (excess === 0 || !link.isConnected) return 0;
    let freedBytes = 0;
    for (const { digest } of await this.#candidates(excess)) {
      if (freedBytes >= excess || this.#stopping.signal.aborted) break;
      freedBytes += await this.#deps.removals.remove(digest, 'evicted');
    }
    if (freedBytes < excess)
      log.warn(
        { excess, bytes: freedBytes },
        'could not make enough room: the rest of the blobs has too few copies elsewhere',
      );
    else log.info({ bytes: freedBytes }, 'made room by deleting blobs that were not used for long');
    return freedBytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #candidates(excess: number): Promise<EvictionCandidate[]> {
    const { blobs, clock, link } = this.#deps;
    const all: EvictionCandidate[] = [];
    for await (const blob of blobs.list()) all.push(blob);
    const chosen = longestUnused(all, { bytes: excess, limit: MAX_COUNTED });
    const digests = chosen.map(({ digest }) => digest);
    const { counts } = await link.call('blob.copies', { digests }, this.#stopping.signal);
    return evictionOrder(
      chosen.map((blob, index) => ({ ...blob, copies: counts[index] ?? 0 })),
      clock.wallMs(),
    );
  }

  async #repeat(): Promise<void> {
    const { clock, log } = this.#deps;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await clock.sleep(this.#lookEveryMs, signal).catch(() => undefined); // only stopping ends a sleep
      if (signal.aborted) return;
      try {
        await this.look();
      } catch (err) {
        log.warn({ err }, 'could not make room; trying again');
      }
    }
  }
}
