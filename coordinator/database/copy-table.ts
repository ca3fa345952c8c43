// Durable facts of who holds what whole.

import type { Database, Statement } from 'better-sqlite3';
import type { Digest } from '../../shared/oci/digest.ts';
import type { BlobRow } from './blob-table.ts';

export interface Copy {
  readonly nodeId: string;
  readonly digest: Digest;
}

export class CopyTable {
  readonly #insert: Statement<[number, number]>;
  readonly #remove: Statement<[number, number]>;
  readonly #removeNode: Statement<[number]>;
  readonly #all: Statement<[], Copy>;
  readonly #ofNode: Statement<[number], BlobRow>;
  readonly #missing: Statement<[number, number, number], BlobRow>;
  readonly #lastBlob: Statement<[], { lastBlobId: number }>;
  readonly #underReplicated: Statement<[number], { count: number }>;

  constructor(db: Database) {
    this.#insert = db.prepare('INSERT INTO copies (node, blob_id) VALUES (?, ?) ON CONFLICT DO NOTHING');
    this.#remove = db.prepare('DELETE FROM copies WHERE node = ? AND blob_id = ?');
    this.#removeNode = db.prepare('DELETE FROM copies WHERE node = ?');
    this.#all = db.prepare(`SELECT n.node_id AS nodeId, b.digest AS digest FROM copies c
      JOIN nodes n ON n.id = c.node JOIN blobs b ON b.id = c.blob_id`);
    this.#ofNode = db.prepare(`SELECT b.id AS blobId, b.digest AS digest, b.size_bytes AS sizeBytes FROM copies c
      JOIN blobs b ON b.id = c.blob_id WHERE c.node = ?`);
    this.#missing = db.prepare(`SELECT b.id AS blobId, b.digest AS digest, b.size_bytes AS sizeBytes FROM blobs b
      WHERE b.id > ? AND b.id <= ? AND EXISTS (SELECT 1 FROM repository_blobs WHERE blob_id = b.id)
      AND NOT EXISTS (SELECT 1 FROM copies WHERE node = ? AND blob_id = b.id) ORDER BY b.id`);
    this.#lastBlob = db.prepare('SELECT coalesce(max(id), 0) AS lastBlobId FROM blobs');
    this.#underReplicated = db.prepare(`SELECT count(*) AS count FROM blobs b
      WHERE EXISTS (SELECT 1 FROM repository_blobs WHERE blob_id = b.id) AND ? > (SELECT count(*) FROM copies c
        JOIN nodes n ON n.id = c.node WHERE c.blob_id = b.id AND n.is_origin = 1 AND n.removed_ms IS NULL)`);
  }

  add(node: number, blobId: number): void {
    this.#insert.run(node, blobId);
  }

  remove(node: number, blobId: number): void {
    this.#remove.run(node, blobId);
  }

  /** Forgets every copy on a node that left the fleet. */
  removeNode(node: number): void {
    this.#removeNode.run(node);
  }

  /** Every copy there is, for the directory in memory at start. */
  all(): IterableIterator<Copy> {
    return this.#all.iterate();
  }

  /** Everything that a node holds. */
  ofNode(node: number): BlobRow[] {
    return this.#ofNode.all(node);
  }

  /** Blobs of some repository within a window of ids that `node` does not hold, and the highest id there is. */
  missingOn(
    node: number,
    window: { readonly afterBlobId: number; readonly untilBlobId: number },
  ): { readonly missing: readonly BlobRow[]; readonly lastBlobId: number } {
    const missing = this.#missing.all(window.afterBlobId, window.untilBlobId, node);
    return { missing, lastBlobId: this.#lastBlob.get()?.lastBlobId ?? 0 };
  }

  /** How many blobs of repositories are on fewer than `wanted` origins. Reads everything: for status alone. */
  underReplicatedCount(wanted: number): number {
    return this.#underReplicated.get(wanted)?.count ?? 0;
  }
}
