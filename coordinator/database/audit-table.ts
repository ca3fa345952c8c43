// Who did what to which repository, user or right. The oldest entries go first, so ids are a row of numbers without a hole.

import type { Database, Statement } from 'better-sqlite3';

export interface AuditRow {
  readonly id: number;
  readonly atMs: number;
  readonly action: string;
  readonly kind: string;
  readonly repository: string;
  readonly digest: string | null;
  readonly tag: string | null;
  readonly mediaType: string | null;
  readonly fromRepository: string | null;
  readonly account: string | null;
  readonly rights: string | null;
  /** Empty for somebody without a login. */
  readonly user: string;
  readonly address: string;
  readonly userAgent: string;
  readonly requestId: string;
  readonly nodeId: string;
}

/** What a reader wants; absent conditions hold for every entry. */
export interface AuditFilter {
  /** A name, or `team/**` for all that begin with `team/`. */
  readonly repository?: string | undefined;
  readonly user?: string | undefined;
  readonly action?: string | undefined;
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  /** Older than this entry. */
  readonly beforeId?: number | undefined;
  readonly limit: number;
}

const COLUMNS = `id, at_ms AS atMs, action, kind, repository, digest, tag, media_type AS mediaType,
  from_repository AS fromRepository, account, rights, user, address, user_agent AS userAgent, request_id AS requestId, node_id AS nodeId`;

export class AuditTable {
  readonly #db: Database;
  readonly #insert: Statement<[Omit<AuditRow, 'id'>]>;
  readonly #trim: Statement<[number, number, number]>;
  readonly #newest: Statement<[], { id: number | null }>;
  readonly #oldest: Statement<[], { id: number | null }>;

  constructor(db: Database) {
    this.#db = db;
    this.#insert = db.prepare(`INSERT INTO audit_entries
      (at_ms, action, kind, repository, digest, tag, media_type, from_repository, account, rights, user, address,
        user_agent, request_id, node_id)
      VALUES (@atMs, @action, @kind, @repository, @digest, @tag, @mediaType, @fromRepository, @account, @rights, @user, @address, @userAgent, @requestId, @nodeId)`);
    this.#trim = db.prepare(`DELETE FROM audit_entries WHERE id IN
      (SELECT id FROM audit_entries ORDER BY id LIMIT ?) AND (id <= ? OR at_ms < ?)`);
    this.#newest = db.prepare('SELECT max(id) AS id FROM audit_entries');
    this.#oldest = db.prepare('SELECT min(id) AS id FROM audit_entries');
  }

  add(entry: Omit<AuditRow, 'id'>): void {
    this.#insert.run(entry);
  }

  /** Removes what is too old or too much, among the `steps` oldest entries. @returns how many went. */
  trim(options: { readonly maxEntries: number; readonly beforeMs: number; readonly steps: number }): number {
    const newest = this.#newest.get()?.id ?? 0;
    return this.#trim.run(options.steps, newest - options.maxEntries, options.beforeMs).changes;
  }

  count(): number {
    const newest = this.#newest.get()?.id ?? null;
    return newest === null ? 0 : newest - (this.#oldest.get()?.id ?? newest) + 1;
  }

  /** The newest first. Prepared for each question, so that it has the conditions that are asked for and finds its index. */
  find(filter: AuditFilter): AuditRow[] {
    const conditions: string[] = [];
    const values: (string | number)[] = [];
    const add = (condition: string, ...given: readonly (string | number)[]): void => {
      conditions.push(condition);
      values.push(...given);
    };
    const { repository, user, action, sinceMs, untilMs, beforeId } = filter;
    if (repository !== undefined && repository.endsWith('/**')) {
      // '0' is the character after '/': all names that begin with the part before the stars.
      const prefix = repository.slice(0, -'/**'.length);
      add('repository >= ? AND repository < ?', `${prefix}/`, `${prefix}0`);
    } else if (repository !== undefined) add('repository = ?', repository);
    if (user !== undefined) add('user = ?', user);
    if (action !== undefined) add('action = ?', action);
    if (sinceMs !== undefined) add('at_ms >= ?', sinceMs);
    if (untilMs !== undefined) add('at_ms < ?', untilMs);
    if (beforeId !== undefined) add('id < ?', beforeId);
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    const statement = this.#db.prepare<(string | number)[], AuditRow>(
      `SELECT ${COLUMNS} FROM audit_entries ${where} ORDER BY id DESC LIMIT ?`,
    );
    return statement.all(...values, filter.limit);
  }
}
