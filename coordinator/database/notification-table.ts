// Events on their way to receivers of notifications, and those that arrived or did not: outbox and delivery log in one.
//
//   waiting ──▶ delivered
//      ├──────▶ failed      given up after the time that settings allow
//      └──────▶ dropped     pushed out of a full queue, or its endpoint is not configured any more
//   any of these ──▶ waiting, by redelivery

import type { Database, Statement } from 'better-sqlite3';

export type DeliveryState = 'waiting' | 'delivered' | 'failed' | 'dropped';

export interface NewDelivery {
  readonly endpoint: string;
  readonly eventId: string;
  /** When it happened. */
  readonly atMs: number;
  readonly action: string;
  /** What it is about, for people: `team/app:v1`. */
  readonly subject: string;
  /** What is sent. */
  readonly body: string;
}

export interface DueDelivery {
  readonly id: number;
  readonly eventId: string;
  readonly body: string;
  readonly attempts: number;
  /** Since when it waits. */
  readonly queuedMs: number;
}

export interface DeliveryRow {
  readonly id: number;
  readonly endpoint: string;
  readonly eventId: string;
  readonly atMs: number;
  readonly action: string;
  readonly subject: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly dueMs: number;
  /** Of the last attempt. */
  readonly triedMs: number | null;
  readonly status: number | null;
  readonly problem: string | null;
}

export interface DeliveryFilter {
  readonly endpoint?: string | undefined;
  readonly state?: DeliveryState | undefined;
  readonly beforeId?: number | undefined;
  readonly limit: number;
}

/** Of one endpoint: one event, or all in a state. */
export interface RequeueFilter {
  readonly endpoint: string;
  readonly eventId?: string | undefined;
  readonly state?: DeliveryState | undefined;
}

/** What became of an attempt. */
export interface Attempt {
  readonly atMs: number;
  readonly status?: number | undefined;
  readonly problem?: string | undefined;
}

const WAITING = `endpoint = ? AND state = 'waiting'`;
const COLUMNS = `id, endpoint, event_id AS eventId, at_ms AS atMs, action, subject, state, attempts, due_ms AS dueMs,
  tried_ms AS triedMs, status, problem`;
const END = `UPDATE notifications SET state = ?, tried_ms = ?, status = ?, problem = ?, attempts = attempts + 1 WHERE id = ?`;
const DROP = `UPDATE notifications SET state = 'dropped', problem = ?`;

export class NotificationTable {
  readonly #db: Database;
  readonly #insert: Statement<[NewDelivery & { readonly nowMs: number }]>;
  readonly #next: Statement<[string, number], DueDelivery>;
  readonly #nextDueMs: Statement<[string], { dueMs: number | null }>;
  readonly #waiting: Statement<[string], { count: number }>;
  readonly #allWaiting: Statement<[], { count: number; oldestMs: number | null }>;
  readonly #end: Statement<[string, number, number | null, string | null, number]>;
  readonly #postpone: Statement<[number, number, number | null, string | null, number]>;
  readonly #hasten: Statement<[number, string]>;
  readonly #dropPulls: Statement<[string, string, number]>;
  readonly #dropOldest: Statement<[string, string, number]>;
  readonly #trim: Statement<[string, string, number]>;
  readonly #trimOld: Statement<[number, number]>;
  readonly #ended: Statement<[string], { state: DeliveryState; count: number }>;
  readonly #endpoints: Statement<[], { endpoint: string }>;
  readonly #dropAll: Statement<[string, string]>;

  constructor(db: Database) {
    this.#db = db;
    this.#insert = db.prepare(`INSERT INTO notifications
      (endpoint, event_id, at_ms, action, subject, body, state, queued_ms, due_ms)
      VALUES (@endpoint, @eventId, @atMs, @action, @subject, @body, 'waiting', @nowMs, @nowMs)
      ON CONFLICT (endpoint, event_id) DO NOTHING`);
    this.#next = db.prepare(`SELECT id, event_id AS eventId, body, attempts, queued_ms AS queuedMs FROM notifications
      WHERE ${WAITING} AND due_ms <= ? ORDER BY id LIMIT 1`);
    this.#nextDueMs = db.prepare(`SELECT min(due_ms) AS dueMs FROM notifications WHERE ${WAITING}`);
    this.#waiting = db.prepare(`SELECT count(*) AS count FROM notifications WHERE ${WAITING}`);
    this.#allWaiting = db.prepare(
      `SELECT count(*) AS count, min(queued_ms) AS oldestMs FROM notifications WHERE state = 'waiting'`,
    );
    this.#end = db.prepare(END);
    this.#postpone = db.prepare(
      'UPDATE notifications SET due_ms = ?, tried_ms = ?, status = ?, problem = ?, attempts = attempts + 1 WHERE id = ?',
    );
    this.#hasten = db.prepare(`UPDATE notifications SET due_ms = ? WHERE ${WAITING}`);
    this.#dropPulls = db.prepare(`${DROP} WHERE id IN
      (SELECT id FROM notifications WHERE ${WAITING} AND action = 'pull' ORDER BY id LIMIT ?)`);
    this.#dropOldest = db.prepare(`${DROP} WHERE id IN
      (SELECT id FROM notifications WHERE ${WAITING} ORDER BY id LIMIT ?)`);
    this.#trim = db.prepare(`DELETE FROM notifications WHERE endpoint = ? AND state <> 'waiting' AND id <=
      (SELECT id FROM notifications WHERE endpoint = ? AND state <> 'waiting' ORDER BY id DESC LIMIT 1 OFFSET ?)`);
    this.#trimOld = db.prepare(`DELETE FROM notifications WHERE id IN
      (SELECT id FROM notifications WHERE state <> 'waiting' AND at_ms < ? ORDER BY id LIMIT ?)`);
    this.#ended = db.prepare(
      `SELECT state, count(*) AS count FROM notifications WHERE endpoint = ? AND state <> 'waiting' GROUP BY state`,
    );
    this.#endpoints = db.prepare('SELECT DISTINCT endpoint FROM notifications');
    this.#dropAll = db.prepare(`${DROP} WHERE ${WAITING}`);
  }

  /** An event that the endpoint has already, by its id, is not added again. @returns whether it was added. */
  add(delivery: NewDelivery, nowMs: number): boolean {
    return this.#insert.run({ ...delivery, nowMs }).changes > 0;
  }

  /** The oldest that is due. */
  next(endpoint: string, nowMs: number): DueDelivery | undefined {
    return this.#next.get(endpoint, nowMs);
  }

  /** When the next one is due, it may be past; undefined when none waits. */
  nextDueMs(endpoint: string): number | undefined {
    return this.#nextDueMs.get(endpoint)?.dueMs ?? undefined;
  }

  countWaiting(endpoint: string): number {
    return this.#waiting.get(endpoint)?.count ?? 0;
  }

  /** Of all endpoints. */
  waiting(): { readonly count: number; readonly oldestMs: number | null } {
    return this.#allWaiting.get() ?? { count: 0, oldestMs: null };
  }

  /** How many of the delivery log ended in which way. */
  ended(endpoint: string): Partial<Record<DeliveryState, number>> {
    return Object.fromEntries(this.#ended.all(endpoint).map(({ state, count }) => [state, count]));
  }

  /** An attempt that was the last one, good or bad. */
  end(id: number, state: 'delivered' | 'failed', { atMs, status, problem }: Attempt): void {
    this.#end.run(state, atMs, status ?? null, problem ?? null, id);
  }

  /** An attempt that failed; the next is due then. */
  postpone(id: number, dueMs: number, { atMs, status, problem }: Attempt): void {
    this.#postpone.run(dueMs, atMs, status ?? null, problem ?? null, id);
  }

  /** Makes everything that waits for an endpoint due. */
  hasten(endpoint: string, nowMs: number): void {
    this.#hasten.run(nowMs, endpoint);
  }

  /** Drops so many that wait: pulls first, and of them, as of the rest, the oldest. */
  drop(endpoint: string, count: number, problem: string): void {
    const pulls = this.#dropPulls.run(problem, endpoint, count).changes;
    if (pulls < count) this.#dropOldest.run(problem, endpoint, count - pulls);
  }

  /** Drops all that waits for an endpoint. @returns how many. */
  dropAll(endpoint: string, problem: string): number {
    return this.#dropAll.run(problem, endpoint).changes;
  }

  /** Every endpoint that has rows, whether it is configured or not. */
  endpoints(): string[] {
    return this.#endpoints.all().map(({ endpoint }) => endpoint);
  }

  /** Cuts the delivery log of an endpoint to its newest entries. */
  trim(endpoint: string, keep: number): void {
    this.#trim.run(endpoint, endpoint, keep);
  }

  /** Removes entries of the delivery log that are too old, the oldest `steps` of them. @returns how many. */
  trimOld(beforeMs: number, steps: number): number {
    return this.#trimOld.run(beforeMs, steps).changes;
  }

  /** The newest first. Prepared for each question, so that it has the conditions that are asked for and finds its index. */
  find(filter: DeliveryFilter): DeliveryRow[] {
    const { where, values } = conditionsOf(filter);
    const statement = this.#db.prepare<(string | number)[], DeliveryRow>(
      `SELECT ${COLUMNS} FROM notifications ${where} ORDER BY id DESC LIMIT ?`,
    );
    return statement.all(...values, filter.limit);
  }

  /** How many there are that wait, and that ended. */
  count(filter: RequeueFilter): { readonly waiting: number; readonly ended: number } {
    const { where, values } = conditionsOf(filter);
    const statement = this.#db.prepare<(string | number)[], { waiting: number; ended: number }>(
      `SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state <> 'waiting') AS ended
       FROM notifications ${where}`,
    );
    return statement.get(...values) ?? { waiting: 0, ended: 0 };
  }

  /** Events of the delivery log wait again, as if they were new. @returns how many. */
  requeue(filter: RequeueFilter, options: { readonly limit: number; readonly nowMs: number }): number {
    const { where, values } = conditionsOf(filter);
    const statement = this.#db.prepare<(string | number)[]>(`UPDATE notifications
      SET state = 'waiting', attempts = 0, queued_ms = ?, due_ms = ?, problem = NULL, status = NULL
      WHERE id IN (SELECT id FROM notifications ${where} AND state <> 'waiting' ORDER BY id LIMIT ?)`);
    return statement.run(options.nowMs, options.nowMs, ...values, options.limit).changes;
  }
}

function conditionsOf(filter: {
  readonly endpoint?: string | undefined;
  readonly state?: DeliveryState | undefined;
  readonly eventId?: string | undefined;
  readonly beforeId?: number | undefined;
}): { readonly where: string; readonly values: (string | number)[] } {
  const { endpoint, state, eventId, beforeId } = filter;
  const given: readonly (readonly [string, string | number | undefined])[] = [
    ['endpoint = ?', endpoint],
    ['state = ?', state],
    ['event_id = ?', eventId],
    ['id < ?', beforeId],
  ];
  const conditions: string[] = [];
  const values: (string | number)[] = [];
  for (const [condition, value] of given) {
    if (value === undefined) continue;
    conditions.push(condition);
    values.push(value);
  }
  return { where: conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`, values };
}
