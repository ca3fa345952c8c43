// Manifests and tags of repositories that are copies of an upstream's, in front of those of our own.
//
//   tag:    compared with the upstream, at most once in `freshMs` ─ same ─▶ what is here
//                                          ├─ moved ─▶ fetched, kept, and the tag moved here too
//                                          └─ away, refuses, gone ─▶ what is here, with a warning
//   digest: what is here, else fetched: bytes under a digest never change

import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { SingleFlight } from '../../shared/runtime/single-flight.ts';
import type {
  ManifestPush,
  ManifestReference,
  ManifestRemoval,
  Manifests,
  PulledManifest,
} from '../content/content.ts';
import { CachedReferrers } from './cached-referrers.ts';
import { demandOwn } from './cached-uploads.ts';
import { mergedCatalog } from './merged-catalog.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';
import { isAway } from './upstream-away.ts';
import type { UpstreamClient } from './upstream-client.ts';
import type { CachedRepository, UpstreamNames } from './upstream-name.ts';

export interface CachedManifestsDeps {
  /** Manifests that repositories of this fleet hold. */
  readonly held: Manifests;
  readonly names: UpstreamNames;
  readonly clientOf: (upstream: string) => UpstreamClient;
  readonly link: CoordinatorLink;
  readonly log: Logger;
  readonly metrics: ProxyMetrics;
  /** Aborted when this node stops. */
  readonly stopping: AbortSignal;
}

export interface CachedManifestsOptions {
  /** A tag that was compared less than this ago is not compared again. */
  readonly freshMs: number;
}

type TagPage = Awaited<ReturnType<Manifests['tags']>>;

export class CachedManifests implements Manifests {
  readonly #deps: CachedManifestsDeps;
  readonly #options: CachedManifestsOptions;
  readonly #pulls = new SingleFlight<PulledManifest>();
  readonly #referrers: CachedReferrers;

  constructor(deps: CachedManifestsDeps, options: CachedManifestsOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#referrers = new CachedReferrers(deps, options);
  }

  async pull(
    repository: string,
    reference: ManifestReference,
    client: { readonly signal: AbortSignal },
  ): Promise<PulledManifest> {
    const { names, held } = this.#deps;
    const cached = names.cached(repository);
    if (cached !== undefined) return this.#pullCached(cached, reference, client.signal);
    const standIn = names.standsFor(repository);
    const own = held.pull(repository, reference, client);
    return standIn === undefined ? own : orElse(own, () => this.#pullCached(standIn, reference, client.signal));
  }

  async push(push: ManifestPush, signal: AbortSignal): Promise<{ readonly subject?: string | undefined }> {
    demandOwn(this.#deps.names, push.repository);
    return this.#deps.held.push(push, signal);
  }

  /** Of a copy: it is fetched again when somebody asks for it. */
  remove(removal: ManifestRemoval, signal: AbortSignal): Promise<void> {
    const { names, held } = this.#deps;
    const { repository } = removal;
    return held.remove({ ...removal, repository: names.cached(repository)?.repository ?? repository }, signal);
  }

  async tags(
    repository: string,
    page: { readonly last?: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<TagPage> {
    const { names, held } = this.#deps;
    const cached = names.cached(repository);
    if (cached !== undefined) return this.#tagsCached(cached, page, signal);
    const standIn = names.standsFor(repository);
    const own = held.tags(repository, page, signal);
    return standIn === undefined ? own : orElse(own, () => this.#tagsCached(standIn, page, signal));
  }

  repositories(
    page: { readonly last?: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): ReturnType<Manifests['repositories']> {
    const { held, names } = this.#deps;
    const { defaultUpstream } = names;
    const list = (each: typeof page): ReturnType<Manifests['repositories']> => held.repositories(each, signal);
    return defaultUpstream === undefined ? list(page) : mergedCatalog(list, defaultUpstream, page);
  }

  referrers(query: Parameters<Manifests['referrers']>[0], signal: AbortSignal): ReturnType<Manifests['referrers']> {
    return this.#referrers.list(query, signal);
  }

  async #pullCached(
    cached: CachedRepository,
    reference: ManifestReference,
    signal: AbortSignal,
  ): Promise<PulledManifest> {
    const key = `${cached.repository} ${'tag' in reference ? reference.tag : reference.digest}`;
    const manifest = await this.#pulls.run(key, () => this.#refresh(cached, reference), signal);
    this.#deps.metrics.pushed('manifest', manifest.bytes.byteLength);
    return manifest;
  }

  /** Shared by all who ask meanwhile, so no one of them can end it; the upstream's time limits do, and the end of this node. */
  async #refresh(cached: CachedRepository, reference: ManifestReference): Promise<PulledManifest> {
    const { metrics } = this.#deps;
    const { stopping: signal } = this.#deps;
    const held = await this.#held(cached, reference, signal);
    const isFresh = held !== undefined && (held.warning !== undefined || this.#isFresh(held, reference));
    if (isFresh) {
      metrics.asked('manifest', 'hit');
      return held;
    }
    try {
      const fetched = await this.#fetch(cached, { reference, held }, signal);
      metrics.asked('manifest', fetched === held ? 'hit' : 'miss');
      if (fetched !== undefined) return fetched;
      return stale(held, cached, `${cached.upstream} does not have this any more`) ?? this.#unknown(cached, reference);
    } catch (error) {
      if (!isAway(error)) throw error;
      const kept = stale(held, cached, error.message);
      const { repository, upstream } = cached;
      const what =
        kept === undefined
          ? 'a pull has failed: its upstream gives nothing, and nothing of it is held here'
          : 'a tag is served as it was: its upstream cannot say';
      this.#deps.log.warn({ err: error, upstream, repository, ...reference }, what);
      if (kept === undefined) throw error;
      metrics.asked('manifest', 'hit');
      return kept;
    }
  }

  #isFresh({ checkedAgeMs }: PulledManifest, reference: ManifestReference): boolean {
    if ('digest' in reference) return true;
    return checkedAgeMs !== undefined && checkedAgeMs < this.#options.freshMs;
  }

  async #held(
    { repository }: CachedRepository,
    reference: ManifestReference,
    signal: AbortSignal,
  ): Promise<PulledManifest | undefined> {
    try {
      return await this.#deps.held.pull(repository, reference, { signal });
    } catch (error) {
      if (isAppError(error, 'manifest_unknown', 'repository_unknown')) return undefined;
      throw error;
    }
  }

  /** @returns what is held when the upstream has the same; undefined when it has nothing. */
  async #fetch(
    cached: CachedRepository,
    { reference, held }: { readonly reference: ManifestReference; readonly held: PulledManifest | undefined },
    signal: AbortSignal,
  ): Promise<PulledManifest | undefined> {
    const { clientOf, link, metrics, log } = this.#deps;
    const { upstream, remote, repository } = cached;
    const client = clientOf(upstream);
    if (held !== undefined && 'tag' in reference) {
      const { tag } = reference;
      const digest = await client.digestOfTag(remote, tag, signal);
      if (digest === undefined) return undefined;
      if (digest === held.digest) {
        await link.call('cache.checked', { repository, tag, digest: held.digest }, signal);
        return held;
      }
    }
    const fetched = await client.manifest(remote, reference, signal);
    if (fetched === undefined) return undefined;
    metrics.pulled('manifest', fetched.bytes.byteLength);
    const tag = 'tag' in reference ? { tag: reference.tag } : {};
    await link.call('cache.manifest', { repository, ...fetched, ...tag }, signal);
    log.info({ repository, ...reference, digest: fetched.digest }, 'manifest fetched from its upstream');
    return fetched;
  }

  async #tagsCached(
    { upstream, remote, repository }: CachedRepository,
    page: { readonly last?: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<TagPage> {
    const { clientOf, held } = this.#deps;
    try {
      const tags = await clientOf(upstream).tags(remote, page, signal);
      if (tags !== undefined) return tags;
    } catch (error) {
      if (!isAway(error)) throw error;
      return orElse(held.tags(repository, page, signal), () => Promise.reject(error));
    }
    return held.tags(repository, page, signal);
  }

  #unknown({ upstream, remote }: CachedRepository, reference: ManifestReference): never {
    throw new AppError('manifest_unknown', `${upstream} has no such manifest or tag`, {
      detail: { upstream, repository: remote, ...reference },
    });
  }
}

/** What is here stands, with a word to people that it may be old. */
function stale(
  held: PulledManifest | undefined,
  { upstream }: CachedRepository,
  why: string,
): PulledManifest | undefined {
  if (held === undefined) return undefined;
  return { ...held, warning: `not compared with ${upstream}, so it may have moved since: ${why}` };
}

/** The second, when the first is not here or cannot be known; of two failures that of the first, unless only the second tells something. */
async function orElse<T>(first: Promise<T>, second: () => Promise<T>): Promise<T> {
  try {
    return await first;
  } catch (error) {
    if (!isAppError(error, 'manifest_unknown', 'repository_unknown', 'coordinator_unreachable', 'timed_out'))
      throw error;
    try {
      return await second();
    } catch (other) {
      if (isAppError(other, 'manifest_unknown', 'repository_unknown')) throw error;
      throw other;
    }
  }
}
