// What the coordinator keeps of copies of upstreams' repositories: manifests, when tags were compared, and who still asks.

import type { Digest } from '../../shared/oci/digest.ts';
import type { Params } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import { cacheManifest } from './cache-manifest.ts';
import { CopyExpiry, type CopyExpiryOptions } from './copy-expiry.ts';
import { CopyUses } from './copy-uses.ts';
import { FetchLeases } from './fetch-leases.ts';
import { FleetFetches } from './fleet-fetches.ts';
import { ListedReferrers } from './listed-referrers.ts';
import { TagChecks } from './tag-checks.ts';

/** Dispose it to stop looking for old ones. */
export class CachedCopies implements Disposable {
  /** Who fetches what. */
  readonly leases = new FetchLeases();
  /** What is read along meanwhile. */
  readonly fetches = new FleetFetches();
  /** What upstreams said of who refers to what. */
  readonly referrers = new ListedReferrers();
  readonly #deps: { readonly clock: Clock; readonly database: FleetDatabase };
  readonly #tagChecks = new TagChecks();
  readonly #uses: CopyUses;
  readonly #expiry: CopyExpiry;

  constructor(
    deps: { readonly clock: Clock; readonly database: FleetDatabase; readonly log: Logger },
    options: CopyExpiryOptions,
  ) {
    this.#deps = deps;
    this.#uses = new CopyUses(deps, options);
    this.#expiry = new CopyExpiry(deps, options);
  }

  [Symbol.dispose](): void {
    this.#expiry[Symbol.dispose]();
  }

  /** @throws {AppError} `digest_mismatch`, `manifest_invalid`, `manifest_too_large` */
  keep(params: Params<'cache.manifest'>): void {
    const subject = cacheManifest(this.#deps, params);
    const { repository, tag, digest } = params;
    if (subject !== undefined) this.referrers.seen(repository, subject, digest);
    if (tag !== undefined) this.checked({ repository, tag, digest });
  }

  /** A tag was compared with its upstream now. */
  checked({ repository, tag, digest }: Params<'cache.checked'>): void {
    this.#tagChecks.checked(repository, tag, { digest, atMs: this.#deps.clock.nowMs() });
  }

  /** An upstream was asked for all referrers of a manifest now. */
  listed({ repository, subject, descriptors }: Params<'cache.referrers'>): void {
    this.referrers.keep(repository, subject, { descriptors, atMs: this.#deps.clock.nowMs() });
  }

  /** A node that has no session fetches for nobody and gives nothing. */
  nodeLeft(nodeId: string): void {
    this.leases.nodeLeft(nodeId);
    this.fetches.nodeLeft(nodeId);
  }

  /** Somebody asked for a manifest, copy or not. @returns how long ago its tag was compared, if somebody remembers. */
  asked({ repository, reference }: Params<'manifest.resolve'>, digest: Digest): number | undefined {
    this.#uses.note(repository, digest);
    if ('digest' in reference) return undefined;
    return this.#tagChecks.ageMs(repository, reference.tag, { digest, nowMs: this.#deps.clock.nowMs() });
  }
}
