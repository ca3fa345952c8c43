// When copies of upstreams' manifests were last asked for: what nobody asks for any more goes some day.

import type { Digest } from '../../shared/oci/digest.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';

/** A copy that is asked for again within this time is not written down again, or within a tenth of its life when that is less. */
const USE_STEP_MS = 60 * 60_000;
/** Manifests remembered as written down, or as no copies; with one more all are forgotten, and looked up again. */
const MAX_REMEMBERED = 20_000;

export class CopyUses {
  readonly #clock: Clock;
  readonly #database: FleetDatabase;
  readonly #stepMs: number;
  readonly #noted = new Map<string, number>();

  /** @param options.ttlMs how long a copy lives without being asked for; 0 for ever. */
  constructor(deps: { readonly clock: Clock; readonly database: FleetDatabase }, options: { readonly ttlMs: number }) {
    this.#stepMs = options.ttlMs === 0 ? USE_STEP_MS : Math.min(USE_STEP_MS, options.ttlMs / 10);
    this.#clock = deps.clock;
    this.#database = deps.database;
  }

  /** Somebody asked for a manifest. Cheap: a fleet asks for one thousands of times. */
  note(repository: string, digest: Digest): void {
    const key = `${repository}@${digest}`;
    const nowMs = this.#clock.wallMs();
    const notedMs = this.#noted.get(key);
    if (notedMs !== undefined && Math.abs(nowMs - notedMs) < this.#stepMs) return;
    if (this.#noted.size >= MAX_REMEMBERED) this.#noted.clear();
    this.#noted.set(key, nowMs);
    this.#write(repository, digest, nowMs);
  }

  #write(repository: string, digest: Digest, nowMs: number): void {
    const database = this.#database;
    const repositoryId = database.repositories.find(repository);
    if (repositoryId === undefined) return;
    const usedMs = database.cachedManifests.usedMs(repositoryId, digest);
    if (usedMs === undefined || nowMs - usedMs < this.#stepMs) return;
    database.change('cache', () => database.cachedManifests.used(repositoryId, digest, nowMs));
  }
}
