import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger as log } from '../../../shared/runtime/log.ts';
import { KnownPeersFile } from '../../../node/store/known-files.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

const peers = [
  { nodeId: 'n-1', address: '10.0.0.1:5110', isOrigin: true },
  { nodeId: 'n-2', address: '[::1]:5110', isOrigin: false },
];

test('Peers come back as they were kept, also into a folder that is not there yet', async () => {
  await using temporary = await openTemporaryFolder('peers');
  const folder = join(temporary.path, 'known');

  await new KnownPeersFile({ log }, { folder }).save(peers);

  assert.deepEqual(await new KnownPeersFile({ log }, { folder }).load(), peers);
});

for (const text of ['', '[{"nodeId":', '{}', '[{"nodeId":1,"address":"x","isOrigin":true}]']) {
  test(`A file that holds ${JSON.stringify(text)} counts as none`, async () => {
    await using temporary = await openTemporaryFolder('peers');
    const file = new KnownPeersFile({ log }, { folder: temporary.path });
    await writeFile(join(temporary.path, 'peers.json'), text);

    assert.deepEqual(await file.load(), []);
  });
}

test('Without a file there are no peers', async () => {
  await using temporary = await openTemporaryFolder('peers');

  assert.deepEqual(await new KnownPeersFile({ log }, { folder: temporary.path }).load(), []);
});
