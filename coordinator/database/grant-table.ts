// Rights of users and robots, and of everybody: one row for each pattern of repositories.

import type { Database, Statement } from 'better-sqlite3';

export interface GrantRow {
  readonly who: string;
  readonly repositories: string;
  /** Words with commas between them. */
  readonly actions: string;
}

export class GrantTable {
  readonly #all: Statement<[], GrantRow>;
  readonly #of: Statement<[string], GrantRow>;
  readonly #find: Statement<[string, string], GrantRow>;
  readonly #set: Statement<[string, string, string]>;
  readonly #remove: Statement<[string, string]>;
  readonly #removeAll: Statement<[string]>;
  readonly #count: Statement<[], { count: number }>;

  constructor(db: Database) {
    const columns = 'SELECT who, repositories, actions FROM grants';
    this.#all = db.prepare(`${columns} ORDER BY who, repositories`);
    this.#of = db.prepare(`${columns} WHERE who = ? ORDER BY repositories`);
    this.#find = db.prepare(`${columns} WHERE who = ? AND repositories = ?`);
    this.#set = db.prepare('INSERT OR REPLACE INTO grants (who, repositories, actions) VALUES (?, ?, ?)');
    this.#remove = db.prepare('DELETE FROM grants WHERE who = ? AND repositories = ?');
    this.#removeAll = db.prepare('DELETE FROM grants WHERE who = ?');
    this.#count = db.prepare('SELECT count(*) AS count FROM grants');
  }

  all(): GrantRow[] {
    return this.#all.all();
  }

  of(who: string): GrantRow[] {
    return this.#of.all(who);
  }

  find(who: string, repositories: string): GrantRow | undefined {
    return this.#find.get(who, repositories);
  }

  set({ who, repositories, actions }: GrantRow): void {
    this.#set.run(who, repositories, actions);
  }

  remove(who: string, repositories: string): void {
    this.#remove.run(who, repositories);
  }

  removeAll(who: string): void {
    this.#removeAll.run(who);
  }

  count(): number {
    return this.#count.get()?.count ?? 0;
  }
}
