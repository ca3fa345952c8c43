// The coordinator's durable index, and the only way to it. Nothing outside this folder knows SQL.
//
// A decision and its writes belong into one `change`: one immediate transaction, flushed to disk when it returns unless it is of
// those that may wait for the flush of the next.

import { performance } from 'node:perf_hooks';
import Sqlite from 'better-sqlite3';
import { AppError } from '../../shared/runtime/errors.ts';
import type { HistogramMetric, Metrics } from '../../shared/runtime/metrics.ts';
import { AccountTable } from './account-table.ts';
import { AuditTable } from './audit-table.ts';
import { BlobReviewTable } from './blob-review-table.ts';
import { BlobTable } from './blob-table.ts';
import { CachedManifestTable } from './cached-manifest-table.ts';
import { CopyTable } from './copy-table.ts';
import { GrantTable } from './grant-table.ts';
import { ManifestTable } from './manifest-table.ts';
import { NodeTable } from './node-table.ts';
import { NotificationTable } from './notification-table.ts';
import { openSqlite } from './open-sqlite.ts';
import { RemovalTable } from './removal-table.ts';
import { RepositoryBlobTable } from './repository-blob-table.ts';
import { RepositoryTable } from './repository-table.ts';
import { TagTable } from './tag-table.ts';
import { TokenTable } from './token-table.ts';
import { UntaggedManifestTable } from './untagged-manifest-table.ts';

const TIME_BUCKETS = [0.000_05, 0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2];

/** What is timed, by label. */
export type DatabaseOperation =
  | 'resolve'
  | 'list'
  | 'locate'
  | 'status'
  | 'rollout'
  | 'plan'
  | 'commit_manifest'
  | 'delete_manifest'
  | 'add_blob'
  | 'mount_blob'
  | 'remove_blob'
  | 'announce'
  | 'collect'
  | 'cache'
  | 'release'
  | 'roster'
  | 'token'
  | 'audit'
  | 'users'
  | 'notify';

/** When a change is safe from a loss of power: when it returns, or with the next that is. */
type Flush = 'now' | 'with-next';

/** What leaves repositories, tags, manifests and their blobs as they are, but for a piece table that is replaced. */
const OUTSIDE_INDEX: ReadonlySet<DatabaseOperation> = new Set(['announce', 'release', 'roster', 'token', 'users']);

/** The tables, and transactions over them. Synchronous, as SQLite is. */
export class FleetDatabase implements Disposable {
  readonly repositories: RepositoryTable;
  readonly manifests: ManifestTable;
  readonly tags: TagTable;
  readonly blobs: BlobTable;
  readonly repositoryBlobs: RepositoryBlobTable;
  readonly copies: CopyTable;
  readonly nodes: NodeTable;
  readonly tokens: TokenTable;
  readonly accounts: AccountTable;
  readonly grants: GrantTable;
  readonly blobReviews: BlobReviewTable;
  readonly removals: RemovalTable;
  readonly cachedManifests: CachedManifestTable;
  readonly untagged: UntaggedManifestTable;
  readonly audit: AuditTable;
  readonly notifications: NotificationTable;
  readonly #db: Sqlite.Database;
  readonly #time: HistogramMetric;
  readonly #transaction: Sqlite.Transaction<(run: () => unknown) => unknown>;
  #flush: Flush = 'now';
  #indexVersion = 0;

  private constructor(db: Sqlite.Database, deps: { readonly metrics: Metrics }) {
    this.#db = db;
    this.#time = deps.metrics.histogram(
      {
        name: 'shoal_database_operation_seconds',
        help: 'Time in SQLite by operation, flush included.',
        labels: ['operation'],
      },
      TIME_BUCKETS,
    );
    this.#transaction = db.transaction((run) => run());
    this.repositories = new RepositoryTable(db);
    this.manifests = new ManifestTable(db);
    this.tags = new TagTable(db);
    this.blobs = new BlobTable(db, { onReplaced: () => (this.#indexVersion += 1) });
    this.repositoryBlobs = new RepositoryBlobTable(db);
    this.copies = new CopyTable(db);
    this.nodes = new NodeTable(db);
    this.tokens = new TokenTable(db);
    this.accounts = new AccountTable(db);
    this.grants = new GrantTable(db);
    this.blobReviews = new BlobReviewTable(db);
    this.removals = new RemovalTable(db);
    this.cachedManifests = new CachedManifestTable(db);
    this.untagged = new UntaggedManifestTable(db);
    this.audit = new AuditTable(db);
    this.notifications = new NotificationTable(db);
  }

  /** Opens or makes the database. The caller closes it. @throws {AppError} `config_invalid` as `openSqlite`. */
  static open(path: string, deps: { readonly metrics: Metrics }): FleetDatabase {
    const db = openSqlite(path);
    try {
      return new FleetDatabase(db, deps);
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /**
   * Runs `run` as one transaction that holds the write lock from its first line; all of it is flushed to disk when this
   * returns, none of it happened when it throws. @throws what `run` throws, and `not_enough_space`.
   * @param options.flush `with-next`: only a loss of power may undo it, until the next change that is flushed; for what is
   * said again anyway.
   */
  change<T>(operation: DatabaseOperation, run: () => T, options: { readonly flush?: Flush } = {}): T {
    const startMs = performance.now();
    this.#setFlush(options.flush ?? 'now');
    try {
      let result: { readonly value: T } | undefined;
      this.#transaction.immediate(() => {
        result = { value: run() };
      });
      if (result === undefined) throw new Error('a transaction ended without its result');
      return result.value;
    } catch (error) {
      if (error instanceof Sqlite.SqliteError && error.code === 'SQLITE_FULL') {
        throw new AppError('not_enough_space', "the coordinator's disk is full", { cause: error });
      }
      throw error;
    } finally {
      if (!OUTSIDE_INDEX.has(operation)) this.#indexVersion += 1;
      this.#time.observe((performance.now() - startMs) / 1000, { operation });
    }
  }

  /** SQLite takes this up between transactions. */
  #setFlush(flush: Flush): void {
    if (flush === this.#flush || this.#db.inTransaction) return;
    this.#db.pragma(`synchronous = ${flush === 'now' ? 'FULL' : 'NORMAL'}`);
    this.#flush = flush;
  }

  /** Another number after each change of what repositories hold: what was read at the same number is still true. */
  get indexVersion(): number {
    return this.#indexVersion;
  }

  /** Runs `run` as `change` does, and takes back all that it changed. */
  tryOut<T>(operation: DatabaseOperation, run: () => T): T {
    let result: { readonly value: T } | undefined;
    const takenBack = new Error('taken back');
    try {
      this.change(operation, () => {
        result = { value: run() };
        throw takenBack;
      });
    } catch (error) {
      if (error !== takenBack) throw error;
    }
    if (result === undefined) throw new Error('a transaction ended without its result');
    return result.value;
  }

  /** Runs reads, timed. */
  read<T>(operation: DatabaseOperation, run: () => T): T {
    const startMs = performance.now();
    try {
      return run();
    } finally {
      this.#time.observe((performance.now() - startMs) / 1000, { operation });
    }
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}
