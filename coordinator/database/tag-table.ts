// Tags, and the history of where each pointed.

import type { Database, Statement } from 'better-sqlite3';
import type { Digest } from '../../shared/oci/digest.ts';

/** Entries of history kept per tag, the oldest goes first: enough to find the last good release, and no more than a `latest` of years may pile up. */
const HISTORY_PER_TAG = 100;

export interface TagMove {
  readonly repositoryId: number;
  readonly tag: string;
  readonly digest: Digest;
  readonly atMs: number;
}

export class TagTable {
  readonly #select: Statement<[number, string], { digest: Digest }>;
  readonly #upsert: Statement<[number, string, string, number]>;
  readonly #remove: Statement<[number, string]>;
  readonly #tagsOf: Statement<[number, string], { tag: string }>;
  readonly #list: Statement<[number, string, number], { tag: string }>;
  readonly #count: Statement<[], { count: number }>;
  readonly #insertHistory: Statement<[number, string, string | null, number]>;
  readonly #trimHistory: Statement<[number, string, number, string]>;
  readonly #history: Statement<[number, string], { digest: Digest | null; atMs: number }>;

  constructor(db: Database) {
    this.#select = db.prepare('SELECT digest FROM tags WHERE repository_id = ? AND tag = ?');
    this.#upsert = db.prepare(`INSERT INTO tags (repository_id, tag, digest, at_ms) VALUES (?, ?, ?, ?)
      ON CONFLICT (repository_id, tag) DO UPDATE SET digest = excluded.digest, at_ms = excluded.at_ms`);
    this.#remove = db.prepare('DELETE FROM tags WHERE repository_id = ? AND tag = ?');
    this.#tagsOf = db.prepare('SELECT tag FROM tags WHERE repository_id = ? AND digest = ?');
    this.#list = db.prepare('SELECT tag FROM tags WHERE repository_id = ? AND tag > ? ORDER BY tag LIMIT ?');
    this.#count = db.prepare('SELECT count(*) AS count FROM tags');
    this.#insertHistory = db.prepare('INSERT INTO tag_history (repository_id, tag, digest, at_ms) VALUES (?, ?, ?, ?)');
    this.#trimHistory = db.prepare(`DELETE FROM tag_history WHERE repository_id = ? AND tag = ? AND id <=
      (SELECT id FROM tag_history WHERE repository_id = ? AND tag = ? ORDER BY id DESC LIMIT 1 OFFSET ${HISTORY_PER_TAG})`);
    this.#history = db.prepare(
      'SELECT digest, at_ms AS atMs FROM tag_history WHERE repository_id = ? AND tag = ? ORDER BY id DESC',
    );
  }

  /** What a tag points to. */
  find(repositoryId: number, tag: string): Digest | undefined {
    return this.#select.get(repositoryId, tag)?.digest;
  }

  /** Points a tag to a manifest of its repository. The same again changes nothing (M-26). */
  move({ repositoryId, tag, digest, atMs }: TagMove): void {
    if (this.find(repositoryId, tag) === digest) return;
    this.#upsert.run(repositoryId, tag, digest, atMs);
    this.#remember(repositoryId, tag, digest, atMs);
  }

  /** @returns false when there was no such tag. */
  remove(repositoryId: number, tag: string, atMs: number): boolean {
    const isRemoved = this.#remove.run(repositoryId, tag).changes > 0;
    if (isRemoved) this.#remember(repositoryId, tag, null, atMs);
    return isRemoved;
  }

  /** Every tag that points to a manifest. */
  tagsOf(repositoryId: number, digest: Digest): string[] {
    return this.#tagsOf.all(repositoryId, digest).map(({ tag }) => tag);
  }

  /** Tags after `last` in byte order. */
  list(repositoryId: number, last: string, limit: number): string[] {
    return this.#list.all(repositoryId, last, limit).map(({ tag }) => tag);
  }

  count(): number {
    return this.#count.get()?.count ?? 0;
  }

  /** Where a tag pointed, newest first; `null` stands for its deletion. */
  history(repositoryId: number, tag: string): Array<{ readonly digest: Digest | null; readonly atMs: number }> {
    return this.#history.all(repositoryId, tag);
  }

  #remember(repositoryId: number, tag: string, digest: Digest | null, atMs: number): void {
    this.#insertHistory.run(repositoryId, tag, digest, atMs);
    this.#trimHistory.run(repositoryId, tag, repositoryId, tag);
  }
}
