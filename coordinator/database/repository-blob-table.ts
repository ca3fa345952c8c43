// Which repository holds which blob (B-1: presence is per repository).

import type { Database, Statement } from 'better-sqlite3';
import type { Digest } from '../../shared/oci/digest.ts';
import type { BlobRow } from './blob-table.ts';

export class RepositoryBlobTable {
  readonly #stat: Statement<[number, string], BlobRow>;
  readonly #ofManifest: Statement<[number, string], { digest: Digest; sizeBytes: number }>;
  readonly #isAnywhere: Statement<[number], { present: number }>;
  readonly #insert: Statement<[number, number]>;
  readonly #remove: Statement<[number, number]>;

  constructor(db: Database) {
    this.#stat = db.prepare(`SELECT b.id AS blobId, b.digest AS digest, b.size_bytes AS sizeBytes FROM blobs b
      JOIN repository_blobs r ON r.repository_id = ? AND r.blob_id = b.id WHERE b.digest = ?`);
    this.#ofManifest = db.prepare(`SELECT b.digest AS digest, b.size_bytes AS sizeBytes FROM manifest_references x
      JOIN blobs b ON b.digest = x.target JOIN repository_blobs r ON r.repository_id = ? AND r.blob_id = b.id
      WHERE x.manifest = ?`);
    this.#isAnywhere = db.prepare('SELECT 1 AS present FROM repository_blobs WHERE blob_id = ? LIMIT 1');
    this.#insert = db.prepare(
      'INSERT INTO repository_blobs (repository_id, blob_id) VALUES (?, ?) ON CONFLICT DO NOTHING',
    );
    this.#remove = db.prepare('DELETE FROM repository_blobs WHERE repository_id = ? AND blob_id = ?');
  }

  /** The blob, when this repository holds it. */
  find(repositoryId: number, digest: string): BlobRow | undefined {
    return this.#stat.get(repositoryId, digest);
  }

  /** The blobs that a manifest names and the repository holds. */
  ofManifest(repositoryId: number, manifest: Digest): Array<{ readonly digest: Digest; readonly sizeBytes: number }> {
    return this.#ofManifest.all(repositoryId, manifest);
  }

  /** True while any repository holds the blob. */
  isAnywhere(blobId: number): boolean {
    return this.#isAnywhere.get(blobId) !== undefined;
  }

  add(repositoryId: number, blobId: number): void {
    this.#insert.run(repositoryId, blobId);
  }

  remove(repositoryId: number, blobId: number): void {
    this.#remove.run(repositoryId, blobId);
  }
}
