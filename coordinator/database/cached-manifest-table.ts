// Manifests that are copies of an upstream's, and when each was last asked for.

import type { Database, Statement } from 'better-sqlite3';
import type { Digest } from '../../shared/oci/digest.ts';

export class CachedManifestTable {
  readonly #used: Statement<[number, string, number]>;
  readonly #usedMs: Statement<[number, string], { usedMs: number }>;

  constructor(db: Database) {
    this.#used = db.prepare(`INSERT INTO cached_manifests (repository_id, digest, used_ms) VALUES (?, ?, ?)
      ON CONFLICT (repository_id, digest) DO UPDATE SET used_ms = max(used_ms, excluded.used_ms)`);
    this.#usedMs = db.prepare('SELECT used_ms AS usedMs FROM cached_manifests WHERE repository_id = ? AND digest = ?');
  }

  /** A manifest of the repository is a copy, and was asked for then. */
  used(repositoryId: number, digest: Digest, atMs: number): void {
    this.#used.run(repositoryId, digest, atMs);
  }

  /** When it was last asked for; undefined for one that was pushed. */
  usedMs(repositoryId: number, digest: Digest): number | undefined {
    return this.#usedMs.get(repositoryId, digest)?.usedMs;
  }
}
