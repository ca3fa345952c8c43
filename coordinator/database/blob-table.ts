// Blobs that some repository held: size and piece table.

import type { Database, Statement } from 'better-sqlite3';
import type { Digest } from '../../shared/oci/digest.ts';
import type { PieceTable } from '../../shared/pieces/piece-table.ts';

export interface BlobRow {
  readonly blobId: number;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export class BlobTable {
  readonly #find: Statement<[string], BlobRow>;
  readonly #table: Statement<[string], { sizeBytes: number; pieceBytes: number; hashes: Buffer }>;
  readonly #insert: Statement<[string, number, number, Uint8Array], { blobId: number }>;
  readonly #replace: Statement<[number, number, Uint8Array, string]>;
  readonly #totals: Statement<[], { count: number; bytes: number }>;

  readonly #onReplaced: () => void;

  /** @param options.onReplaced the size of a blob may be another now. */
  constructor(db: Database, options: { readonly onReplaced: () => void }) {
    this.#onReplaced = options.onReplaced;
    this.#find = db.prepare('SELECT id AS blobId, digest, size_bytes AS sizeBytes FROM blobs WHERE digest = ?');
    this.#table = db.prepare(
      'SELECT size_bytes AS sizeBytes, piece_bytes AS pieceBytes, hashes FROM blobs WHERE digest = ?',
    );
    this.#insert = db.prepare(
      'INSERT INTO blobs (digest, size_bytes, piece_bytes, hashes) VALUES (?, ?, ?, ?) RETURNING id AS blobId',
    );
    this.#replace = db.prepare('UPDATE blobs SET size_bytes = ?, piece_bytes = ?, hashes = ? WHERE digest = ?');
    this.#totals = db.prepare('SELECT count(*) AS count, coalesce(sum(size_bytes), 0) AS bytes FROM blobs');
  }

  find(digest: string): BlobRow | undefined {
    return this.#find.get(digest);
  }

  table(digest: Digest): PieceTable | undefined {
    return this.#table.get(digest);
  }

  /** @returns the id of the new row. */
  insert(digest: Digest, table: PieceTable): number {
    const row = this.#insert.get(digest, table.sizeBytes, table.pieceBytes, table.hashes);
    if (row === undefined) throw new Error('INSERT … RETURNING gave no row');
    return row.blobId;
  }

  /** Puts another table in the place of one that nobody vouches for any more. */
  replaceTable(digest: Digest, table: PieceTable): void {
    this.#replace.run(table.sizeBytes, table.pieceBytes, table.hashes, digest);
    this.#onReplaced();
  }

  totals(): { readonly count: number; readonly bytes: number } {
    return this.#totals.get() ?? { count: 0, bytes: 0 };
  }
}
