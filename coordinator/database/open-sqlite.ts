// Opens the file of the fleet's index: settings, migrations, and a clear refusal of what this program cannot use.

import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import { AppError } from '../../shared/runtime/errors.ts';
import { MIGRATIONS } from './migrations.ts';

/** "SHOL": marks the file as ours, so that another program's database is not migrated by mistake. */
const APPLICATION_ID = 0x53484f4c;
/** How long opening waits for a coordinator that is being restarted and still holds the file; then the start fails. */
const BUSY_TIMEOUT_MS = 5000;
/** The index says what every repository holds, and hashes of join tokens: for the owner alone. */
const OWNER_ONLY_FILE = 0o600;
/** What is left of the write-ahead log after a checkpoint; the file is cut to it. */
const JOURNAL_LIMIT_BYTES = 64 * 1024 * 1024;
/** SQLite's own name for a database without a file. */
const IN_MEMORY = ':memory:';

/**
 * Opens or makes the database at `path`, brought up to the newest schema. One process at a time: who holds what is also
 * kept in memory, so a second coordinator on the same file would answer wrongly. `:memory:` opens one that no file holds.
 * @throws {AppError} `config_invalid` for a newer schema, a file that is not ours, or one that another process holds.
 */
export function openSqlite(path: string, migrations: readonly string[] = MIGRATIONS): Sqlite.Database {
  if (path !== IN_MEMORY) {
    if (!existsSync(dirname(path))) mkdirSync(dirname(path), { mode: 0o700 });
    closeToOthers(path);
  }
  const db = new Sqlite(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    db.pragma('locking_mode = EXCLUSIVE');
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    db.pragma('foreign_keys = ON');
    db.pragma(`journal_size_limit = ${JOURNAL_LIMIT_BYTES}`);
    migrate(db, { path, migrations });
    return db;
  } catch (error) {
    db.close();
    if (!(error instanceof Sqlite.SqliteError)) throw error;
    throw new AppError('config_invalid', `${path} ${whyNot(error)}`, { cause: error });
  }
}

function whyNot({ code, message }: InstanceType<typeof Sqlite.SqliteError>): string {
  if (code === 'SQLITE_BUSY')
    return 'is in use by another coordinator, which runs with this data folder; stop that one first, or choose another --data';
  if (code === 'SQLITE_FULL')
    return 'cannot be opened: its disk is full. Nothing is lost; free some of the disk, then start again';
  return `cannot be opened as a database (${message})`;
}

/** Makes the file when absent. The log files that SQLite makes beside it take its mode; those of an earlier run are closed too. */
function closeToOthers(path: string): void {
  closeSync(openSync(path, 'a', OWNER_ONLY_FILE));
  for (const file of [path, `${path}-wal`, `${path}-shm`]) if (existsSync(file)) chmodSync(file, OWNER_ONLY_FILE);
}

function migrate(
  db: Sqlite.Database,
  options: { readonly path: string; readonly migrations: readonly string[] },
): void {
  const { path, migrations } = options;
  const run = db.transaction(() => {
    const version = Number(db.pragma('user_version', { simple: true }));
    const applicationId = Number(db.pragma('application_id', { simple: true }));
    const isNew = version === 0 && db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
    if (!isNew && applicationId !== APPLICATION_ID)
      throw new AppError('config_invalid', `${path} is not a database of Shoal`);
    if (version > migrations.length) {
      const text = `${path} has schema ${version}, this program knows ${migrations.length}: it was written by a newer version; run that one`;
      throw new AppError('config_invalid', text);
    }
    for (const step of migrations.slice(version)) db.exec(step);
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.pragma(`user_version = ${migrations.length}`);
  });
  run.immediate();
}
