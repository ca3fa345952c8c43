import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { FolderLock } from '../../../node/store/folder-lock.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

test('A folder has one owner, who is named to the next', async () => {
  await using folder = await openTemporaryFolder('lock');
  {
    await using _lock = await FolderLock.acquire(folder.path);
    const refusal = { code: 'config_invalid', message: new RegExp(`in use by process ${process.pid}$`) };
    await assert.rejects(FolderLock.acquire(folder.path), refusal);
  }

  await using _next = await FolderLock.acquire(folder.path);
});

test('The lock of another living process is respected', async () => {
  await using folder = await openTemporaryFolder('lock');
  const stat = await readFile('/proc/1/stat', 'latin1');
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  await writeFile(join(folder.path, `lock-1-${start}`), '');

  await assert.rejects(FolderLock.acquire(folder.path), {
    code: 'config_invalid',
    detail: { folder: folder.path, pid: 1 },
  });

  assert.deepEqual(await readdir(folder.path), [`lock-1-${start}`]);
});

test('The lock of a dead process, or of an earlier one with a number in use again, is taken over', async () => {
  await using folder = await openTemporaryFolder('lock');
  await writeFile(join(folder.path, 'lock-4194305-77'), ''); // above the largest process number of Linux
  await writeFile(join(folder.path, 'lock-1-999999999999'), '');

  await using _lock = await FolderLock.acquire(folder.path);

  const names = await readdir(folder.path);
  assert.equal(names.length, 1);
  assert.match(String(names[0]), new RegExp(`^lock-${process.pid}-`));
});
