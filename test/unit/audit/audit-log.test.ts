import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { AuditLog, type AuditOptions } from '../../../coordinator/audit/audit-log.ts';
import type { RecordedChange, RegistryChange } from '../../../coordinator/changes/registry-change.ts';
import { MIGRATIONS } from '../../../coordinator/database/migrations.ts';
import { openSqlite } from '../../../coordinator/database/open-sqlite.ts';
import { FleetDatabase } from '../../../coordinator/database/fleet-database.ts';
import { silentLogger as log } from '../../../shared/runtime/log.ts';
import { Metrics } from '../../../shared/runtime/metrics.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { someRequester } from '../../support/some-requester.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

interface Opened extends AsyncDisposable {
  readonly clock: FakeClock;
  readonly database: FleetDatabase;
  readonly audit: AuditLog;
  add(repository: string, change?: Partial<RegistryChange>): void;
  reopen(options: Partial<AuditOptions>): AuditLog;
}

async function openLog(options: Partial<AuditOptions> = {}): Promise<Opened> {
  const folder = await openTemporaryFolder('audit');
  const clock = new FakeClock();
  const database = FleetDatabase.open(join(folder.path, 'c.db'), { metrics: new Metrics() });
  const open = (more: Partial<AuditOptions>): AuditLog =>
    new AuditLog(
      { clock, database, log, metrics: new Metrics() },
      { maxEntries: 1000, maxAgeMs: 30 * DAY_MS, pulls: false, ...more },
    );
  let audit = open(options);
  return {
    clock,
    database,
    get audit() {
      return audit;
    },
    add: (repository, change = {}) => {
      const occasion = { by: someRequester(), nodeId: 'n1', atMs: clock.wallMs() };
      const added: RecordedChange = { action: 'push', kind: 'blob', repository, occasion, ...change };
      database.change('audit', () => audit.add([added]));
    },
    reopen: (more) => {
      audit[Symbol.dispose]();
      audit = open(more);
      return audit;
    },
    async [Symbol.asyncDispose]() {
      audit[Symbol.dispose]();
      database[Symbol.dispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const names = (audit: AuditLog): string[] => audit.read({ limit: '1000' }).entries.map(({ repository }) => repository);

test('The audit log holds no more entries than it may, and the oldest go first', async () => {
  await using opened = await openLog({ maxEntries: 3 });

  for (const name of ['a', 'b', 'c', 'd', 'e']) opened.add(name);

  assert.deepEqual(names(opened.audit), ['e', 'd', 'c']);
  assert.equal(opened.database.audit.count(), 3);
});

test('A lower limit is reached without a new entry, a step at a time', async () => {
  await using opened = await openLog({ maxEntries: 1000 });
  for (let index = 0; index < 50; index += 1) opened.add(`r${index}`);

  const audit = opened.reopen({ maxEntries: 5 });
  await opened.clock.advance(1000);

  assert.deepEqual(names(audit), ['r49', 'r48', 'r47', 'r46', 'r45']);
});

test('Entries that are too old go by themselves', async () => {
  await using opened = await openLog({ maxAgeMs: DAY_MS });
  opened.add('old');
  await opened.clock.advance(DAY_MS / 2);
  opened.add('young');

  await opened.clock.advance(DAY_MS / 2 + 60_000);

  assert.deepEqual(names(opened.audit), ['young']);
});

test('Pulls are in the log when they are wanted there', async () => {
  await using opened = await openLog();
  opened.add('a', { action: 'pull' });
  assert.deepEqual(names(opened.audit), []);

  const audit = opened.reopen({ pulls: true });
  opened.add('b', { action: 'pull' });

  assert.deepEqual(names(audit), ['b']);
});

test('Entries of a log that knew no imports and no users are kept by the one that does', async () => {
  await using folder = await openTemporaryFolder('audit');
  const path = join(folder.path, 'c.db');
  const widened = MIGRATIONS.findIndex((step) => step.includes('more_audit_entries'));
  const old = openSqlite(path, MIGRATIONS.slice(0, widened));
  old.exec(`INSERT INTO audit_entries VALUES
    (7, 1000, 'delete', 'tag', 'team/app', NULL, 'v1', NULL, NULL, 'alice', '192.0.2.1', 'docker', 'r', 'n1')`);
  old.close();
  using database = FleetDatabase.open(path, { metrics: new Metrics() });
  const clock = new FakeClock({ wallMs: 2000 });
  using audit = new AuditLog(
    { clock, database, log, metrics: new Metrics() },
    { maxEntries: 1000, maxAgeMs: DAY_MS, pulls: false },
  );
  const by = { user: '(administrator)', address: '127.0.0.1', userAgent: 'shoal', requestId: 'q' };

  database.change('audit', () => audit.addAccountChanges([{ action: 'add', kind: 'robot', account: 'ci' }], by));

  assert.deepEqual(audit.read({}).entries, [
    { id: 8, atMs: 2000, action: 'add', kind: 'robot', repository: '', account: 'ci', ...by, nodeId: '' },
    {
      id: 7,
      atMs: 1000,
      action: 'delete',
      kind: 'tag',
      repository: 'team/app',
      tag: 'v1',
      user: 'alice',
      address: '192.0.2.1',
      userAgent: 'docker',
      requestId: 'r',
      nodeId: 'n1',
    },
  ]);
});

test('What is taken back was never in the log', async () => {
  await using opened = await openLog();

  assert.throws(() =>
    opened.database.change('audit', () => {
      const occasion = { by: someRequester(), nodeId: 'n1', atMs: 0 };
      opened.audit.add([{ action: 'push', kind: 'blob', repository: 'a', occasion }]);
      throw new Error('not after all');
    }),
  );

  assert.deepEqual(names(opened.audit), []);
});
