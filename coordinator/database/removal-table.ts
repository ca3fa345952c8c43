// Blobs that no repository holds any more, and the files of them that nodes still have to delete.
//
//   copies row ──(the node got leave)──▶ removals row ──(the node says that it is gone)──▶ nothing
//   the blob's own row goes when it has neither, and no repository took it back meanwhile

import type { Database, Statement } from 'better-sqlite3';
import type { Digest } from '../../shared/oci/digest.ts';
import type { BlobRow } from './blob-table.ts';

export interface RemovingBlob {
  readonly digest: Digest;
  /** When its removal began; another time is another removal. */
  readonly sinceMs: number;
}

export interface RemovingTotals {
  readonly blobs: number;
  readonly bytes: number;
  /** Files on nodes: copies that are still to be released, and removals that are not confirmed. */
  readonly files: number;
}

export class RemovalTable {
  readonly #mark: Statement<[number, number]>;
  readonly #revive: Statement<[number]>;
  readonly #isRemoving: Statement<[number], { present: number }>;
  readonly #insert: Statement<[number, number]>;
  readonly #remove: Statement<[number, number]>;
  readonly #removeNode: Statement<[number]>;
  readonly #ofNode: Statement<[number], BlobRow>;
  readonly #pendingOn: Statement<[number, number, number], RemovingBlob>;
  readonly #countOn: Statement<[number, number], { count: number }>;
  readonly #deleteGone: Statement<[]>;
  readonly #totals: Statement<[], RemovingTotals>;

  constructor(db: Database) {
    const blob = 'b.id AS blobId, b.digest AS digest, b.size_bytes AS sizeBytes';
    this.#mark = db.prepare(`UPDATE blobs SET removing_since_ms = ? WHERE id = ? AND removing_since_ms IS NULL
      AND NOT EXISTS (SELECT 1 FROM repository_blobs WHERE blob_id = blobs.id)`);
    this.#revive = db.prepare(
      'UPDATE blobs SET removing_since_ms = NULL WHERE id = ? AND removing_since_ms IS NOT NULL',
    );
    this.#isRemoving = db.prepare('SELECT 1 AS present FROM blobs WHERE id = ? AND removing_since_ms IS NOT NULL');
    this.#insert = db.prepare('INSERT INTO removals (node, blob_id) VALUES (?, ?) ON CONFLICT DO NOTHING');
    this.#remove = db.prepare('DELETE FROM removals WHERE node = ? AND blob_id = ?');
    this.#removeNode = db.prepare('DELETE FROM removals WHERE node = ?');
    this.#ofNode = db.prepare(`SELECT ${blob} FROM removals r JOIN blobs b ON b.id = r.blob_id WHERE r.node = ?`);
    this.#pendingOn =
      db.prepare(`SELECT b.digest AS digest, b.removing_since_ms AS sinceMs FROM blobs b WHERE b.removing_since_ms IS NOT NULL
      AND (EXISTS (SELECT 1 FROM copies WHERE node = ? AND blob_id = b.id)
        OR EXISTS (SELECT 1 FROM removals WHERE node = ? AND blob_id = b.id)) ORDER BY b.id LIMIT ?`);
    this.#countOn = db.prepare(`SELECT count(*) AS count FROM blobs b WHERE b.removing_since_ms IS NOT NULL
      AND (EXISTS (SELECT 1 FROM copies WHERE node = ? AND blob_id = b.id)
        OR EXISTS (SELECT 1 FROM removals WHERE node = ? AND blob_id = b.id))`);
    this.#deleteGone = db.prepare(`DELETE FROM blobs WHERE removing_since_ms IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM copies WHERE blob_id = blobs.id)
      AND NOT EXISTS (SELECT 1 FROM removals WHERE blob_id = blobs.id)
      AND NOT EXISTS (SELECT 1 FROM repository_blobs WHERE blob_id = blobs.id)`);
    this.#totals = db.prepare(`SELECT count(*) AS blobs, coalesce(sum(size_bytes), 0) AS bytes, coalesce(sum(
        (SELECT count(*) FROM copies WHERE blob_id = b.id) + (SELECT count(*) FROM removals WHERE blob_id = b.id)), 0) AS files
      FROM blobs b WHERE removing_since_ms IS NOT NULL`);
  }

  /** Starts the removal of a blob unless a repository holds it. @returns whether it started now. */
  begin(blobId: number, nowMs: number): boolean {
    return this.#mark.run(nowMs, blobId).changes > 0;
  }

  /** A repository took the blob back. */
  revive(blobId: number): void {
    this.#revive.run(blobId);
  }

  isRemoving(blobId: number): boolean {
    return this.#isRemoving.get(blobId) !== undefined;
  }

  /** A node has leave to delete its file, which counts as a copy no more. */
  add(node: number, blobId: number): void {
    this.#insert.run(node, blobId);
  }

  /** The file is gone, or counts as a copy again. */
  remove(node: number, blobId: number): void {
    this.#remove.run(node, blobId);
  }

  /** Forgets what a node that left the fleet had to delete. */
  removeNode(node: number): void {
    this.#removeNode.run(node);
  }

  /** What a node got leave to delete and has not confirmed. */
  ofNode(node: number): BlobRow[] {
    return this.#ofNode.all(node);
  }

  /** Blobs under removal of which this node has, or may have, a file. */
  pendingOn(node: number, limit: number): RemovingBlob[] {
    return this.#pendingOn.all(node, node, limit);
  }

  /** How many files of blobs under removal a node has, or may have. */
  countOn(node: number): number {
    return this.#countOn.get(node, node)?.count ?? 0;
  }

  /** Forgets blobs of which nobody has a file any more. @returns how many. */
  deleteGone(): number {
    return this.#deleteGone.run().changes;
  }

  totals(): RemovingTotals {
    return this.#totals.get() ?? { blobs: 0, bytes: 0, files: 0 };
  }
}
