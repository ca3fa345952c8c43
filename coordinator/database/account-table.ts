// Users and robots: hashes of their secrets, never the secrets.

import type { Database, Statement } from 'better-sqlite3';

export interface AccountRow {
  readonly name: string;
  readonly kind: 'user' | 'robot';
  /** Of a user the bcrypt hash of the password, of a robot the SHA-256 of the secret in hex. */
  readonly secretHash: string;
  readonly createdMs: number;
  /** NULL for users. */
  readonly expiresMs: number | null;
}

export class AccountTable {
  readonly #all: Statement<[], AccountRow>;
  readonly #find: Statement<[string], AccountRow>;
  readonly #insert: Statement<[string, string, string, number, number | null]>;
  readonly #setSecret: Statement<[string, string]>;
  readonly #remove: Statement<[string]>;
  readonly #expired: Statement<[number], { name: string }>;
  readonly #count: Statement<[], { count: number }>;

  constructor(db: Database) {
    const columns =
      'SELECT name, kind, secret_hash AS secretHash, created_ms AS createdMs, expires_ms AS expiresMs FROM accounts';
    this.#all = db.prepare(`${columns} ORDER BY name`);
    this.#find = db.prepare(`${columns} WHERE name = ?`);
    this.#insert = db.prepare(
      'INSERT INTO accounts (name, kind, secret_hash, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?)',
    );
    this.#setSecret = db.prepare('UPDATE accounts SET secret_hash = ? WHERE name = ?');
    this.#remove = db.prepare('DELETE FROM accounts WHERE name = ?');
    this.#expired = db.prepare('SELECT name FROM accounts WHERE expires_ms < ?');
    this.#count = db.prepare('SELECT count(*) AS count FROM accounts');
  }

  all(): AccountRow[] {
    return this.#all.all();
  }

  find(name: string): AccountRow | undefined {
    return this.#find.get(name);
  }

  insert({ name, kind, secretHash, createdMs, expiresMs }: AccountRow): void {
    this.#insert.run(name, kind, secretHash, createdMs, expiresMs);
  }

  setSecret(name: string, secretHash: string): void {
    this.#setSecret.run(secretHash, name);
  }

  remove(name: string): void {
    this.#remove.run(name);
  }

  /** Names of those that ran out before `beforeMs`. */
  expiredBefore(beforeMs: number): string[] {
    return this.#expired.all(beforeMs).map(({ name }) => name);
  }

  count(): number {
    return this.#count.get()?.count ?? 0;
  }
}
