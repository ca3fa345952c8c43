// Blobs of repositories that are copies of an upstream's, in front of the blobs of our own.
//
// A repository that is a copy gives a blob when it holds it, or when its upstream's repository does: never because this host
// or the fleet happens to have the bytes for another one's sake.

import type { ByteRange } from '../../shared/oci/byte-range.ts';
import type { Digest } from '../../shared/oci/digest.ts';
import { isAppError, type AppError } from '../../shared/runtime/errors.ts';
import type { BlobReader } from '../content/blob-reader.ts';
import type { BlobStore } from '../content/blob-store.ts';
import type { BlobMount, BlobRemoval, Blobs } from '../content/content.ts';
import type { BlobFetch, BlobOrigin, BlobSupply } from './blob-fetch.ts';
import type { BlobFetches } from './blob-fetches.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';
import type { UpstreamClient } from './upstream-client.ts';
import type { CachedRepository, UpstreamNames } from './upstream-name.ts';

/** What is asked of an upstream; see upstream-client.ts. */
export interface UpstreamBlobs extends Pick<UpstreamClient, 'blobSize'> {
  blob(remote: string, digest: Digest, fromByte: number, signal: AbortSignal): Promise<BlobSupply | undefined>;
}

export interface CachedBlobsDeps {
  /** Blobs that repositories of this fleet hold. */
  readonly held: Blobs;
  readonly names: UpstreamNames;
  readonly clientOf: (upstream: string) => UpstreamBlobs;
  readonly fetches: BlobFetches;
  readonly store: Pick<BlobStore, 'stat'>;
  readonly metrics: ProxyMetrics;
}

interface WantedRanges {
  readonly digest: Digest;
  readonly ranges: (sizeBytes: number) => readonly ByteRange[] | undefined;
}

export class CachedBlobs implements Blobs {
  readonly #deps: CachedBlobsDeps;

  constructor(deps: CachedBlobsDeps) {
    this.#deps = deps;
  }

  async stat(
    repository: string,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<{ readonly sizeBytes: number } | undefined> {
    const { held, names } = this.#deps;
    const cached = names.cached(repository);
    if (cached !== undefined) return this.#statCached(cached, digest, signal);
    const own = held.stat(repository, digest, signal);
    const standIn = names.standsFor(repository);
    return standIn === undefined ? own : orElse(own, () => this.#statCached(standIn, digest, signal));
  }

  async open(
    repository: string,
    digest: Digest,
    ranges: (sizeBytes: number) => readonly ByteRange[] | undefined,
    signal: AbortSignal,
  ): Promise<BlobReader | undefined> {
    const { held, names } = this.#deps;
    const cached = names.cached(repository);
    if (cached !== undefined) return this.#openCached(cached, { digest, ranges }, signal);
    const own = held.open(repository, digest, ranges, signal);
    const standIn = names.standsFor(repository);
    return standIn === undefined ? own : orElse(own, () => this.#openCached(standIn, { digest, ranges }, signal));
  }

  remove(removal: BlobRemoval, signal: AbortSignal): Promise<void> {
    const { held, names } = this.#deps;
    const { repository } = removal;
    return held.remove({ ...removal, repository: names.cached(repository)?.repository ?? repository }, signal);
  }

  async mount(mount: BlobMount, signal: AbortSignal): Promise<boolean> {
    const { held, names } = this.#deps;
    const { repository, from } = mount;
    if (names.cached(repository) !== undefined) return false; // the session that it becomes is refused
    if (from === undefined) return held.mount(mount, signal);
    if (await held.mount({ ...mount, from: names.cached(from)?.repository ?? from }, signal)) return true;
    const standIn = names.standsFor(from);
    return standIn !== undefined && held.mount({ ...mount, from: standIn.repository }, signal);
  }

  async #statCached(
    cached: CachedRepository,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<{ readonly sizeBytes: number } | undefined> {
    const { held, fetches, clientOf } = this.#deps;
    const here = await held.stat(cached.repository, digest, signal);
    if (here !== undefined) return here;
    const running = fetches.running(digest, cached.repository);
    const sizeBytes =
      running === undefined
        ? await clientOf(cached.upstream).blobSize(cached.remote, digest, signal)
        : await running.sizeBytes(signal);
    return sizeBytes === undefined ? undefined : { sizeBytes };
  }

  async #openCached(
    cached: CachedRepository,
    wanted: WantedRanges,
    signal: AbortSignal,
  ): Promise<BlobReader | undefined> {
    const { held, metrics } = this.#deps;
    const { digest, ranges } = wanted;
    const here = await this.#openHeld(cached, wanted, signal);
    if (here !== undefined && here !== 'out of reach') return this.#counted(here, 'hit');
    const fetch = await this.#fetch(cached, { digest, isOutOfReach: here === 'out of reach' }, signal);
    if (fetch === 'held') {
      const reader = await held.open(cached.repository, digest, ranges, signal);
      return reader === undefined ? undefined : this.#counted(reader, 'hit');
    }
    const reader = await fetch?.join(signal);
    if (reader === undefined) {
      metrics.asked('blob', 'miss');
      return undefined;
    }
    return this.#counted(reader, fetch?.isReadAlong === true ? 'hit' : 'miss');
  }

  /** What the fleet holds but no host can give is fetched anew. */
  async #openHeld(
    { repository }: CachedRepository,
    { digest, ranges }: WantedRanges,
    signal: AbortSignal,
  ): Promise<BlobReader | 'out of reach' | undefined> {
    try {
      return await this.#deps.held.open(repository, digest, ranges, signal);
    } catch (error) {
      if (!isAppError(error, 'blob_unavailable')) throw error;
      return 'out of reach';
    }
  }

  /**
   * @param blob.isOutOfReach whoever has it in the fleet did not give it, whatever the coordinator says.
   * @returns the fetch to read from; `held` when the repository holds the blob now; undefined when its upstream does not have it.
   */
  async #fetch(
    cached: CachedRepository,
    { digest, isOutOfReach }: { readonly digest: Digest; readonly isOutOfReach: boolean },
    signal: AbortSignal,
  ): Promise<BlobFetch | 'held' | undefined> {
    const { fetches, clientOf, store } = this.#deps;
    const { upstream, remote, repository } = cached;
    const running = fetches.running(digest, repository);
    if (running !== undefined) return running;
    const client = clientOf(upstream);
    if (fetches.isRunning(digest) || (await store.stat(digest)) !== undefined) {
      // The bytes are here, or on their way, for another repository: this one gets them when its upstream has them too.
      if ((await client.blobSize(remote, digest, signal)) === undefined) return undefined;
      if (await fetches.recordHere(digest, repository, signal)) return 'held';
    }
    const turn = await fetches.turn(digest, repository, signal);
    if (turn.type === 'held' && !isOutOfReach && (await this.#holdAlso(cached, digest, signal))) return 'held';
    // What is fetched for another repository is read along when the upstream's own has it, too.
    const isShown = turn.type !== 'read' || turn.fetch.isOfRepository;
    if (!isShown && (await client.blobSize(remote, digest, signal)) === undefined) return undefined;
    const origin: BlobOrigin = { open: (fromByte, stop) => client.blob(remote, digest, fromByte, stop) };
    return fetches.start(digest, repository, { origin, turn: turn.type === 'held' ? { type: 'alone' } : turn });
  }

  /** Another host has it: this repository holds it too, when its upstream has it. @returns false when it must be fetched after all. */
  async #holdAlso(
    { upstream, remote, repository }: CachedRepository,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { held, clientOf } = this.#deps;
    if ((await held.stat(repository, digest, signal)) !== undefined) return true;
    if ((await clientOf(upstream).blobSize(remote, digest, signal)) === undefined) return false;
    return held.mount({ repository, digest }, signal);
  }

  #counted(reader: BlobReader, result: 'hit' | 'miss'): BlobReader {
    const { metrics } = this.#deps;
    metrics.asked('blob', result);
    return {
      sizeBytes: reader.sizeBytes,
      read: async (target, position, signal) => {
        const bytes = await reader.read(target, position, signal);
        metrics.pushed('blob', bytes);
        return bytes;
      },
      lend: async (position, maxBytes, signal) => {
        const lent = await reader.lend?.(position, maxBytes, signal);
        if (lent !== undefined) metrics.pushed('blob', lent.bytes.byteLength);
        return lent;
      },
      [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
    };
  }
}

/** The second, when our own repository does not hold it or nobody can say. */
async function orElse<T>(own: Promise<T | undefined>, second: () => Promise<T | undefined>): Promise<T | undefined> {
  let failure: AppError | undefined;
  try {
    const here = await own;
    if (here !== undefined) return here;
  } catch (error) {
    if (!isAppError(error, 'coordinator_unreachable', 'timed_out')) throw error;
    failure = error;
  }
  const other = await second();
  if (other === undefined && failure !== undefined) throw failure;
  return other;
}
