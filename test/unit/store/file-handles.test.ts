import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { FileHandles } from '../../../node/store/file-handles.ts';
import { descriptorsUnder } from '../../support/open-descriptors.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

test('Readers of one file share a descriptor, which waits for the next reader', async () => {
  await using folder = await openTemporaryFolder('handles');
  const path = join(folder.path, 'file');
  await writeFile(path, 'text');
  await using handles = new FileHandles();

  const leases = await Promise.all([1, 2, 3].map(() => handles.acquire(path)));
  assert.equal(handles.openCount, 1);
  for (const lease of leases) await lease?.release();
  await leases[0]?.release();

  assert.equal(handles.openCount, 1);
  assert.equal((await handles.acquire(path))?.handle, leases[0]?.handle);
});

test('A file that is not there leaves nothing open', async () => {
  await using handles = new FileHandles();

  const leases = await Promise.all([1, 2].map(() => handles.acquire('/nothing/here')));

  assert.deepEqual(leases, [undefined, undefined]);
  assert.equal(handles.openCount, 0);
});

test('A forgotten file stays open for who has it and is opened anew for others', async () => {
  await using folder = await openTemporaryFolder('handles');
  const path = join(folder.path, 'file');
  await writeFile(path, 'old');
  await using handles = new FileHandles();
  const old = await handles.acquire(path);

  await rm(path);
  await handles.forget(path);
  await writeFile(path, 'newer');
  const fresh = await handles.acquire(path);

  assert.equal((await old?.handle.read(Buffer.alloc(10), 0, 10, 0))?.bytesRead, 3);
  assert.equal((await fresh?.handle.read(Buffer.alloc(10), 0, 10, 0))?.bytesRead, 5);
  await old?.release();
  await fresh?.release();
  assert.equal(handles.openCount, 1);
});

test('The longest unused descriptors are closed, and all of them at the end', async () => {
  await using folder = await openTemporaryFolder('handles');
  {
    await using handles = new FileHandles();
    for (let number = 0; number < 200; number += 1) {
      const path = join(folder.path, String(number));
      await writeFile(path, '');
      await (await handles.acquire(path))?.release();
    }
    assert.equal(handles.openCount, 64);
  }

  assert.deepEqual(await descriptorsUnder(folder.path), []);
});
