// Manifests that are copies of an upstream's, and when each was last asked for.

import type { Database, Statement } from 'better-sqlite3';
import type { Digest } from '../../shared/oci/digest.ts';

export interface CachedCopy {
  readonly repositoryId: number;
  readonly digest: Digest;
  readonly usedMs: number;
}

export class CachedManifestTable {
  readonly #used: Statement<[number, string, number]>;
  readonly #all: Statement<[], CachedCopy>;
  readonly #blobsOf: Statement<[number, string], { blobId: number; sizeBytes: number }>;
  readonly #usedMs: Statement<[number, string], { usedMs: number }>;

  constructor(db: Database) {
    this.#used = db.prepare(`INSERT INTO cached_manifests (repository_id, digest, used_ms) VALUES (?, ?, ?)
      ON CONFLICT (repository_id, digest) DO UPDATE SET used_ms = max(used_ms, excluded.used_ms)`);
    this.#all = db.prepare('SELECT repository_id AS repositoryId, digest, used_ms AS usedMs FROM cached_manifests');
    this.#blobsOf = db.prepare(`SELECT b.id AS blobId, b.size_bytes AS sizeBytes FROM manifest_references x
      JOIN blobs b ON b.digest = x.target JOIN repository_blobs r ON r.repository_id = ? AND r.blob_id = b.id
      WHERE x.manifest = ?`);
    this.#usedMs = db.prepare('SELECT used_ms AS usedMs FROM cached_manifests WHERE repository_id = ? AND digest = ?');
  }

  /** Every copy. */
  all(): CachedCopy[] {
    return this.#all.all();
  }

  /** The blobs that a copy names and its repository holds. */
  blobsOf({ repositoryId, digest }: CachedCopy): Array<{ readonly blobId: number; readonly sizeBytes: number }> {
    return this.#blobsOf.all(repositoryId, digest);
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
