import assert from 'node:assert/strict';
import { appendFile, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { KeptReport } from '../../../node/pulls/pull-book.ts';
import { PullRecord } from '../../../node/pulls/pull-record.ts';
import { PullReportsFile } from '../../../node/store/pull-reports-file.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { silentLogger as log } from '../../../shared/runtime/log.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

function reportOf(id: number): KeptReport {
  const digest = digestOf(Buffer.from(String(id)));
  const at = { nowMs: 0, wallMs: 1000 };
  const record = new PullRecord({ digest, sizeBytes: 1, cause: 'client' }, at, () => undefined);
  record.ended(5);
  return { id, blob: record.report(5) };
}

test('Reports are there again after a restart, readable by the owner alone', async () => {
  await using temporary = await openTemporaryFolder('pulls');
  const folder = join(temporary.path, 'known');
  {
    await using file = new PullReportsFile({ log }, { folder });
    assert.deepEqual(await file.load(), []);
    file.append(reportOf(1), () => []);
    file.append(reportOf(2), () => []);
  }

  const loaded = await new PullReportsFile({ log }, { folder }).load();

  assert.deepEqual(loaded, [reportOf(1), reportOf(2)]);
  assert.equal((await stat(join(folder, 'pulls.jsonl'))).mode & 0o777, 0o600);
});

test('What a crash tore and what is no report is passed over, and the next line is whole', async () => {
  await using temporary = await openTemporaryFolder('pulls');
  const folder = temporary.path;
  const line = JSON.stringify(reportOf(1));
  await appendFile(join(folder, 'pulls.jsonl'), `${line}\n{"id":7}\n${line.slice(0, 50)}`);
  {
    await using file = new PullReportsFile({ log }, { folder });
    assert.deepEqual(await file.load(), [reportOf(1)]);
    file.append(reportOf(2), () => [reportOf(1), reportOf(2)]);
  }

  assert.deepEqual(await new PullReportsFile({ log }, { folder }).load(), [reportOf(1), reportOf(2)]);
});

test('The file is written anew when it holds far more than is kept', async () => {
  await using temporary = await openTemporaryFolder('pulls');
  const folder = temporary.path;
  const line = `${JSON.stringify(reportOf(1))}\n`;
  await appendFile(join(folder, 'pulls.jsonl'), line.repeat(2000));
  {
    await using file = new PullReportsFile({ log }, { folder });
    assert.equal((await file.load()).length, 2000);
    file.append(reportOf(2), () => [reportOf(2)]);
  }

  const text = await readFile(join(folder, 'pulls.jsonl'), 'utf8');
  assert.equal(text.split('\n').length, 2);
});
