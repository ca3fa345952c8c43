import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { chmod, readdir, stat, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { openSqlite } from '../../../coordinator/database/open-sqlite.ts';
import { MIGRATIONS } from '../../../coordinator/database/migrations.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

test('A new step runs once, on a database that has the steps before it', async () => {
  await using folder = await openTemporaryFolder('sqlite');
  const path = join(folder.path, 'c.db');
  openSqlite(path).close();
  const more = [...MIGRATIONS, 'CREATE TABLE extra (a INTEGER) STRICT; INSERT INTO extra VALUES (1)'];

  openSqlite(path, more).close();
  const db = openSqlite(path, more);

  assert.deepEqual(db.prepare('SELECT a FROM extra').all(), [{ a: 1 }]);
  db.close();
});

test('A step that fails leaves the database as it was', async () => {
  await using folder = await openTemporaryFolder('sqlite');
  const path = join(folder.path, 'c.db');
  openSqlite(path).close();

  assert.throws(() => openSqlite(path, [...MIGRATIONS, 'CREATE TABLE half (a INTEGER); CREATE NONSENSE']), {
    code: 'config_invalid',
  });

  const db = openSqlite(path);
  assert.equal(db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'half'").get(), undefined);
  db.close();
});

test('A newer schema, a file that is not a database and one of another program are refused with the reason', async () => {
  await using folder = await openTemporaryFolder('sqlite');
  const newer = join(folder.path, 'newer.db');
  openSqlite(newer, [...MIGRATIONS, 'SELECT 1']).close();
  const noise = join(folder.path, 'noise.db');
  await writeFile(noise, 'this is not a database at all, only some text that is long enough');
  const foreign = join(folder.path, 'foreign.db');
  const db = openSqlite(foreign);
  db.pragma('application_id = 7');
  db.close();

  assert.throws(() => openSqlite(newer), { code: 'config_invalid', message: /newer version/ });
  assert.throws(() => openSqlite(noise), { code: 'config_invalid', message: /cannot be opened/ });
  assert.throws(() => openSqlite(foreign), { code: 'config_invalid', message: /not a database of Shoal/ });
});

test('A full disk is named as what keeps a database from opening', async () => {
  await using folder = await openTemporaryFolder('sqlite');
  const path = join(folder.path, 'c.db');
  openSqlite(path).close();
  const tooLarge = 'PRAGMA max_page_count = 1; CREATE TABLE large (a); INSERT INTO large VALUES (zeroblob(100000000))';

  assert.throws(() => openSqlite(path, [...MIGRATIONS, tooLarge]), {
    code: 'config_invalid',
    message: /c\.db cannot be opened: its disk is full.*free some/,
  });
});

test('Nobody but the owner may read the database or its logs, whatever the umask, also one that was open before', async () => {
  await using folder = await openTemporaryFolder('sqlite');
  const path = join(folder.path, 'c.db');
  const umask = process.umask(0);
  try {
    openSqlite(path).close();
    await chmod(path, 0o644);
    const db = openSqlite(path);
    db.exec('CREATE TABLE extra (a INTEGER) STRICT');

    const names = await readdir(folder.path);
    for (const name of names) assert.equal((await stat(join(folder.path, name))).mode & 0o777, 0o600, name);
    assert.ok(names.includes('c.db-wal'));
    db.close();
  } finally {
    process.umask(umask);
  }
});

test('Settings that durability rests on are in force', async () => {
  await using folder = await openTemporaryFolder('sqlite');
  const db = openSqlite(join(folder.path, 'c.db'));

  assert.equal(db.pragma('journal_mode', { simple: true }), 'wal');
  assert.equal(db.pragma('synchronous', { simple: true }), 2);
  assert.equal(db.pragma('foreign_keys', { simple: true }), 1);
  db.close();
});

test('A database in memory leaves no file behind', () => {
  openSqlite(':memory:').close();

  assert.equal(existsSync(':memory:'), false);
});
