// The roster: every node that ever joined, and whether it was removed.

import type { Database, Statement } from 'better-sqlite3';

export interface NodeRow {
  readonly node: number;
  readonly nodeId: string;
  readonly swarmAddress: string | null;
  readonly version: string | null;
  readonly isOrigin: 0 | 1;
  readonly zone: string | null;
  readonly rack: string | null;
  readonly certificateExpiresMs: number;
  readonly joinedMs: number;
  readonly lastSeenMs: number | null;
  readonly removedMs: number | null;
}

export interface NodeCertificate {
  readonly nodeId: string;
  readonly serial: string;
  readonly expiresMs: number;
}

export class NodeTable {
  readonly #find: Statement<[string], NodeRow>;
  readonly #all: Statement<[], NodeRow>;
  readonly #insert: Statement<[string, string, number, number]>;
  readonly #certificate: Statement<[string, number, string]>;
  readonly #hello: Statement<[string, string, number, string | null, string | null, number, string]>;
  readonly #remove: Statement<[number, string]>;
  readonly #removed: Statement<[number, number], { nodeId: string }>;
  readonly #allRemoved: Statement<[number], { nodeId: string }>;

  constructor(db: Database) {
    const columns = `SELECT id AS node, node_id AS nodeId, swarm_address AS swarmAddress, version, is_origin AS isOrigin, zone, rack,
      certificate_expires_ms AS certificateExpiresMs, joined_ms AS joinedMs, last_seen_ms AS lastSeenMs,
      removed_ms AS removedMs FROM nodes`;
    this.#find = db.prepare(`${columns} WHERE node_id = ?`);
    this.#all = db.prepare(`${columns} ORDER BY node_id`);
    this.#insert = db.prepare(
      'INSERT INTO nodes (node_id, certificate_serial, certificate_expires_ms, joined_ms) VALUES (?, ?, ?, ?)',
    );
    this.#certificate = db.prepare(
      'UPDATE nodes SET certificate_serial = ?, certificate_expires_ms = ? WHERE node_id = ?',
    );
    this.#hello = db.prepare(
      'UPDATE nodes SET swarm_address = ?, version = ?, is_origin = ?, zone = ?, rack = ?, last_seen_ms = ? WHERE node_id = ?',
    );
    this.#remove = db.prepare('UPDATE nodes SET removed_ms = ? WHERE node_id = ? AND removed_ms IS NULL');
    this.#allRemoved = db.prepare(
      'SELECT node_id AS nodeId FROM nodes WHERE removed_ms IS NOT NULL ORDER BY removed_ms DESC LIMIT ?',
    );
    this.#removed = db.prepare(
      'SELECT node_id AS nodeId FROM nodes WHERE removed_ms IS NOT NULL AND certificate_expires_ms > ? ORDER BY removed_ms DESC LIMIT ?',
    );
  }

  find(nodeId: string): NodeRow | undefined {
    return this.#find.get(nodeId);
  }

  all(): NodeRow[] {
    return this.#all.all();
  }

  insert(certificate: NodeCertificate, atMs: number): void {
    this.#insert.run(certificate.nodeId, certificate.serial, certificate.expiresMs, atMs);
  }

  setCertificate(certificate: NodeCertificate): void {
    this.#certificate.run(certificate.serial, certificate.expiresMs, certificate.nodeId);
  }

  /** What a node said of itself when its session began. */
  setHello(hello: {
    readonly nodeId: string;
    readonly swarmAddress: string;
    readonly version: string;
    readonly isOrigin: boolean;
    readonly zone?: string | undefined;
    readonly rack?: string | undefined;
    readonly atMs: number;
  }): void {
    const { nodeId, swarmAddress, version, isOrigin, zone = null, rack = null, atMs } = hello;
    this.#hello.run(swarmAddress, version, isOrigin ? 1 : 0, zone, rack, atMs, nodeId);
  }

  /** @returns false when there was no such node in the roster. */
  remove(nodeId: string, atMs: number): boolean {
    return this.#remove.run(atMs, nodeId).changes > 0;
  }

  /** Removed nodes whose last certificate is still good by its date, the newest first. */
  removed(nowMs: number, limit: number): string[] {
    return this.#removed.all(nowMs, limit).map(({ nodeId }) => nodeId);
  }

  /** Nodes that were ever removed, the newest first. */
  allRemoved(limit: number): string[] {
    return this.#allRemoved.all(limit).map(({ nodeId }) => nodeId);
  }
}
