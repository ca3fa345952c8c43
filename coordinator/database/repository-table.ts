// Repositories. A row comes with the first blob or manifest and stays, so that an emptied repository is still known.

import type { Database, Statement } from 'better-sqlite3';

export class RepositoryTable {
  readonly #find: Statement<[string], { id: number }>;
  readonly #insert: Statement<[string], { id: number }>;
  readonly #list: Statement<[string, string, number], { name: string }>;
  readonly #count: Statement<[], { count: number }>;

  constructor(db: Database) {
    this.#find = db.prepare('SELECT id FROM repositories WHERE name = ?');
    this.#insert = db.prepare('INSERT INTO repositories (name) VALUES (?) RETURNING id');
    const holdsSomething = `(EXISTS (SELECT 1 FROM repository_manifests WHERE repository_id = repositories.id)
      OR EXISTS (SELECT 1 FROM repository_blobs WHERE repository_id = repositories.id))`;
    this.#list = db.prepare(`SELECT name FROM repositories WHERE name > ? AND instr(name, ?) > 0
      AND ${holdsSomething} ORDER BY name LIMIT ?`);
    this.#count = db.prepare(`SELECT count(*) AS count FROM repositories WHERE ${holdsSomething}`);
  }

  /** The id of a repository; undefined when nothing was ever accepted under this name. */
  find(name: string): number | undefined {
    return this.#find.get(name)?.id;
  }

  /** The id of a repository, made when it is new. */
  ensure(name: string): number {
    const id = this.find(name) ?? this.#insert.get(name)?.id;
    if (id === undefined) throw new Error('INSERT … RETURNING gave no row');
    return id;
  }

  /** Names after `last` in byte order of repositories that hold a manifest or a blob (C-4). An empty text is in every name. */
  list({ containing, last }: { readonly containing: string; readonly last: string }, limit: number): string[] {
    return this.#list.all(last, containing, limit).map(({ name }) => name);
  }

  /** How many repositories hold something. */
  count(): number {
    return this.#count.get()?.count ?? 0;
  }
}
