// Lets go of copies of upstreams' manifests that are old or too many. Their blobs then go the way of all that nothing names: a blob
// that another manifest of the repository names stays there, and one that another repository holds stays on the hosts.

import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { dropManifest } from '../collection/drop-manifest.ts';
import type { CachedCopy } from '../database/cached-manifest-table.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import { planExpiry, type KeptCopy } from './expiry-plan.ts';

/** How often old copies are looked for: a minute more or less matters to nobody who counts in days. */
const LOOK_EVERY_MS = 60_000;
/** A tenth of a short life is often enough, and so often at the most. */
const MIN_LOOK_MS = 1000;
/** Copies that go in one transaction, the others in the next: a few milliseconds. */
const BATCH = 100;

export interface CopyExpiryOptions {
  /** After this time without anybody asking a copy goes; 0: never. */
  readonly ttlMs: number;
  /** What the blobs of all copies may take together; 0: any number of bytes. */
  readonly maxBytes: number;
}

/** Dispose it to stop. */
export class CopyExpiry implements Disposable {
  readonly #deps: { readonly clock: Clock; readonly database: FleetDatabase; readonly log: Logger };
  readonly #options: CopyExpiryOptions;
  #next: Scheduled | undefined;

  constructor(
    deps: { readonly clock: Clock; readonly database: FleetDatabase; readonly log: Logger },
    options: CopyExpiryOptions,
  ) {
    this.#deps = deps;
    this.#options = options;
    if (options.ttlMs > 0 || options.maxBytes > 0) this.#lookLater();
  }

  [Symbol.dispose](): void {
    this.#next?.cancel();
  }

  #lookLater(): void {
    const { ttlMs } = this.#options;
    const everyMs = ttlMs === 0 ? LOOK_EVERY_MS : Math.min(LOOK_EVERY_MS, Math.max(MIN_LOOK_MS, ttlMs / 10));
    this.#next = this.#deps.clock.schedule(everyMs, () => {
      try {
        this.#look();
      } catch (err) {
        this.#deps.log.error({ err }, 'old copies of upstreams could not be let go; trying again later');
      }
      this.#lookLater();
    });
  }

  #look(): void {
    const { clock, database, log } = this.#deps;
    const rows = database.read('cache', () => database.cachedManifests.all());
    if (rows.length === 0) return;
    const copies = rows.map((row, id): KeptCopy => {
      const blobs = this.#options.maxBytes === 0 ? [] : database.cachedManifests.blobsOf(row);
      return { id, usedMs: row.usedMs, blobs };
    });
    const leaving = planExpiry(copies, { ...this.#options, nowMs: clock.wallMs() });
    for (let first = 0; first < leaving.length; first += BATCH) {
      const batch = leaving.slice(first, first + BATCH).flatMap((id) => rows[id] ?? []);
      database.change('cache', () => batch.forEach((copy) => this.#drop(copy)));
    }
    if (leaving.length > 0) log.info({ manifests: leaving.length }, 'copies of upstreams were let go');
  }

  #drop({ repositoryId, digest }: CachedCopy): void {
    const { clock, database } = this.#deps;
    const nowMs = clock.wallMs();
    for (const tag of database.tags.tagsOf(repositoryId, digest)) database.tags.remove(repositoryId, tag, nowMs);
    dropManifest(database, { repositoryId, digest, reviewDueMs: nowMs });
  }
}
