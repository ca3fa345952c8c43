// The review queue: blobs of repositories that perhaps no manifest there names any more, and when each is looked at.

import type { Database, Statement } from 'better-sqlite3';
import type { Digest } from '../../shared/oci/digest.ts';

/** Why a blob is looked at; see the schema. */
export type ReviewReason = 'pushed' | 'touched' | 'unlinked';

export interface DueReview {
  readonly repositoryId: number;
  readonly repository: string;
  readonly blobId: number;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** How far a look through the queue has come; reviews are gone through by repository and blob. */
export interface ReviewCursor {
  readonly repositoryId: number;
  readonly blobId: number;
}

export class BlobReviewTable {
  readonly #add: Statement<[number, number, number, string]>;
  readonly #touch: Statement<[number, number, number, number]>;
  readonly #settle: Statement<[number, string]>;
  readonly #unlink: Statement<[number, number, string]>;
  readonly #remove: Statement<[number, number]>;
  readonly #due: Statement<[number, number, number, string, number], DueReview>;
  readonly #isNamed: Statement<[number, string], { present: number }>;
  readonly #isWaiting: Statement<[number, number], { present: number }>;
  readonly #totals: Statement<[], { count: number; oldestDueMs: number | null }>;

  constructor(db: Database) {
    // Whoever is sending bytes keeps the time that he was given, whatever else happens to them.
    this.#add = db.prepare(`INSERT INTO blob_reviews (repository_id, blob_id, due_ms, reason) VALUES (?, ?, ?, ?)
      ON CONFLICT (repository_id, blob_id) DO UPDATE SET due_ms = max(due_ms, excluded.due_ms), reason = excluded.reason`);
    this.#touch =
      db.prepare(`UPDATE blob_reviews SET due_ms = ?, reason = CASE reason WHEN 'pushed' THEN 'pushed' ELSE 'touched' END
      WHERE repository_id = ? AND blob_id = ? AND due_ms < ?`);
    this.#settle = db.prepare(`DELETE FROM blob_reviews WHERE repository_id = ? AND blob_id IN
      (SELECT b.id FROM manifest_references x JOIN blobs b ON b.digest = x.target WHERE x.manifest = ?)`);
    this.#unlink = db.prepare(`INSERT INTO blob_reviews (repository_id, blob_id, due_ms, reason)
      SELECT r.repository_id, r.blob_id, ?, 'unlinked' FROM manifest_references x JOIN blobs b ON b.digest = x.target
        JOIN repository_blobs r ON r.repository_id = ? AND r.blob_id = b.id WHERE x.manifest = ?
      ON CONFLICT (repository_id, blob_id) DO NOTHING`);
    this.#remove = db.prepare('DELETE FROM blob_reviews WHERE repository_id = ? AND blob_id = ?');
    this.#due = db.prepare(`SELECT v.repository_id AS repositoryId, n.name AS repository, v.blob_id AS blobId,
        b.digest AS digest, b.size_bytes AS sizeBytes
      FROM blob_reviews v JOIN repositories n ON n.id = v.repository_id JOIN blobs b ON b.id = v.blob_id
      WHERE (v.repository_id, v.blob_id) > (?, ?) AND (v.due_ms <= ? OR (? = 'now' AND v.reason <> 'pushed'))
      ORDER BY v.repository_id, v.blob_id LIMIT ?`);
    this.#isNamed = db.prepare(`SELECT 1 AS present FROM manifest_references x
      JOIN repository_manifests m ON m.repository_id = ? AND m.digest = x.manifest WHERE x.target = ? LIMIT 1`);
    this.#isWaiting = db.prepare('SELECT 1 AS present FROM blob_reviews WHERE repository_id = ? AND blob_id = ?');
    this.#totals = db.prepare('SELECT count(*) AS count, min(due_ms) AS oldestDueMs FROM blob_reviews');
  }

  /** A blob came into a repository and waits for its manifest. */
  pushed(repositoryId: number, blobId: number, dueMs: number): void {
    this.#add.run(repositoryId, blobId, dueMs, 'pushed' satisfies ReviewReason);
  }

  /** True while the blob is in the queue. */
  isWaiting(repositoryId: number, blobId: number): boolean {
    return this.#isWaiting.get(repositoryId, blobId) !== undefined;
  }

  /** Somebody asked for a blob that waits in the queue: he may be about to name it. One that is due after `unlessDueMs` stays. */
  touched(repositoryId: number, blobId: number, times: { readonly dueMs: number; readonly unlessDueMs: number }): void {
    this.#touch.run(times.dueMs, repositoryId, blobId, times.unlessDueMs);
  }

  /** A manifest names its blobs: nothing of it is to be looked at. */
  settle(repositoryId: number, manifest: Digest): void {
    this.#settle.run(repositoryId, manifest);
  }

  /** A manifest leaves the repository; call it before. Its blobs there are looked at when it is time. */
  unlinked(repositoryId: number, manifest: Digest, dueMs: number): void {
    this.#unlink.run(dueMs, repositoryId, manifest);
  }

  remove(repositoryId: number, blobId: number): void {
    this.#remove.run(repositoryId, blobId);
  }

  /** Reviews after `cursor` that are due; `now`: also those that only wait for time to pass, but no push under way. */
  due(
    cursor: ReviewCursor,
    options: { readonly nowMs: number; readonly when: 'due' | 'now'; readonly limit: number },
  ): DueReview[] {
    return this.#due.all(cursor.repositoryId, cursor.blobId, options.nowMs, options.when, options.limit);
  }

  /** True while a manifest of the repository names the blob. */
  isNamed(repositoryId: number, digest: Digest): boolean {
    return this.#isNamed.get(repositoryId, digest) !== undefined;
  }

  totals(): { readonly count: number; readonly oldestDueMs: number | null } {
    return this.#totals.get() ?? { count: 0, oldestDueMs: null };
  }
}
