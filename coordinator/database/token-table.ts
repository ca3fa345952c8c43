// Join tokens: the hash of the secret, never the secret.

import type { Database, Statement } from 'better-sqlite3';

export interface TokenRow {
  readonly tokenId: string;
  readonly secretHash: Uint8Array;
  readonly expiresMs: number;
  readonly usesLeft: number;
}

export class TokenTable {
  readonly #find: Statement<[string], TokenRow>;
  readonly #insert: Statement<[string, Uint8Array, number, number]>;
  readonly #use: Statement<[string]>;
  readonly #sweep: Statement<[number]>;
  readonly #count: Statement<[], { count: number }>;

  constructor(db: Database) {
    this.#find = db.prepare(
      'SELECT token_id AS tokenId, secret_hash AS secretHash, expires_ms AS expiresMs, uses_left AS usesLeft FROM tokens WHERE token_id = ?',
    );
    this.#insert = db.prepare('INSERT INTO tokens (token_id, secret_hash, expires_ms, uses_left) VALUES (?, ?, ?, ?)');
    this.#use = db.prepare('UPDATE tokens SET uses_left = uses_left - 1 WHERE token_id = ? AND uses_left > 0');
    this.#sweep = db.prepare('DELETE FROM tokens WHERE expires_ms < ?');
    this.#count = db.prepare('SELECT count(*) AS count FROM tokens');
  }

  find(tokenId: string): TokenRow | undefined {
    return this.#find.get(tokenId);
  }

  insert(token: TokenRow): void {
    this.#insert.run(token.tokenId, token.secretHash, token.expiresMs, token.usesLeft);
  }

  /** Takes one use. @returns false when none was left. */
  use(tokenId: string): boolean {
    return this.#use.run(tokenId).changes > 0;
  }

  /** Forgets tokens that expired before `beforeMs`. */
  removeExpired(beforeMs: number): void {
    this.#sweep.run(beforeMs);
  }

  count(): number {
    return this.#count.get()?.count ?? 0;
  }
}
