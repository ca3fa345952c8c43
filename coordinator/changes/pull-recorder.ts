// Pulls happen at nodes, which tell of them when somebody wants to hear: a receiver of notifications, or the audit log.

import { parseManifest, type Descriptor } from '../../shared/oci/manifest.ts';
import type { Result } from '../../shared/protocol/coordinator-methods.ts';
import type { ToldPull } from '../../shared/protocol/told-pull.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import type { ChangeRecorder } from './change-recorder.ts';
import type { RecordedChange } from './registry-change.ts';

interface PullRecorderDeps {
  readonly changes: Pick<ChangeRecorder, 'record'>;
  readonly clock: Clock;
  readonly database: FleetDatabase;
}

export class PullRecorder {
  readonly #deps: PullRecorderDeps;
  readonly #options: { readonly areWanted: boolean; readonly includeReferences: boolean };

  /** @param options.includeReferences whether receivers want to hear what a manifest names. */
  constructor(deps: PullRecorderDeps, options: { readonly areWanted: boolean; readonly includeReferences: boolean }) {
    this.#deps = deps;
    this.#options = options;
  }

  /** One transaction for all of them. */
  record(nodeId: string, pulls: readonly ToldPull[]): Result<'pulls.tell'> {
    const { changes, clock, database } = this.#deps;
    const { areWanted } = this.#options;
    if (!areWanted || pulls.length === 0) return { areWanted };
    const references = this.#referencesOf(pulls);
    const nowMs = clock.wallMs();
    const recorded = pulls.map(({ id: eventId, atMs, by, ...pull }): RecordedChange => {
      const named = references.get(pull.digest);
      const occasion = { by, nodeId, atMs: Math.min(atMs, nowMs) }; // a node's clock may be ahead
      const change = { ...pull, action: 'pull', eventId, occasion } as const;
      return named === undefined ? change : { ...change, references: named };
    });
    // There may be thousands in a second, and what was told of a pull may be lost with the power.
    database.change('notify', () => changes.record(recorded), { flush: 'with-next' });
    return { areWanted };
  }

  /** What each manifest among them names, looked up once; nothing for one that is gone since. */
  #referencesOf(pulls: readonly ToldPull[]): ReadonlyMap<string, readonly Descriptor[]> {
    const found = new Map<string, readonly Descriptor[]>();
    if (!this.#options.includeReferences) return found;
    const { database } = this.#deps;
    for (const { kind, repository, digest } of pulls) {
      if (kind !== 'manifest' || found.has(digest)) continue;
      const repositoryId = database.repositories.find(repository);
      const manifest = repositoryId === undefined ? undefined : database.manifests.byDigest(repositoryId, digest);
      if (manifest === undefined) continue;
      const { blobs, external, children } = parseManifest(manifest.bytes, manifest.mediaType);
      found.set(digest, [...blobs, ...external, ...children]);
    }
    return found;
  }
}
