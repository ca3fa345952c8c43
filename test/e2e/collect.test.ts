// "Delete a tag, collect, watch the disk shrink": the tutorial of every registry, with the program as people run it.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Clean, Parse } from 'typebox/value';
import { CollectionResult } from '../../shared/protocol/collection-api.ts';
import { runCommand } from '../support/run-command.ts';
import { RegistryWire } from '../support/registry-wire.ts';
import { shoalCommand } from '../support/shoal-program.ts';
import { startSingleHost, type SingleHost } from '../support/single-host.ts';
import { seededBytes } from '../support/seeded-bytes.ts';

const MIB = 1024 * 1024;

async function usedBytes(host: SingleHost): Promise<number> {
  const out = await runCommand(['du', '--summarize', '--block-size=1', join(host.folder, 'data', 'store', 'blobs')]);
  return Number(out.split('\t')[0]);
}

function gc(host: SingleHost, ...args: string[]): Promise<string> {
  return runCommand(shoalCommand(['gc', `--data=${join(host.folder, 'data')}`, ...args]));
}

test('After a delete, shoal gc gives the space of an image back, and of no other', async () => {
  await using host = await startSingleHost();
  const wire = new RegistryWire(host.baseUrl);
  const old = await wire.pushImage('app', 'v1', Buffer.concat([...seededBytes('old', 8 * MIB)]));
  const kept = await wire.pushImage('app', 'v2', Buffer.concat([...seededBytes('kept', 4 * MIB)]));
  const before = await usedBytes(host);

  assert.equal((await wire.send('DELETE', `/v2/app/manifests/${old.digest}`)).status, 202);
  const tried = await gc(host, '--dry-run');
  assert.match(tried, /1 blob and 0 manifests eligible for deletion/);
  assert.match(tried, new RegExp(`blob eligible for deletion: ${old.layer}`));
  assert.ok((await usedBytes(host)) >= before - MIB);
  const done = await gc(host);

  assert.match(done, /every host has deleted its files/);
  const freed = before - (await usedBytes(host));
  assert.ok(freed >= 8 * MIB && freed < 9 * MIB, `${freed} bytes were freed`);
  assert.equal((await wire.send('GET', `/v2/app/blobs/${kept.layer}`)).status, 200);
  assert.equal((await wire.send('HEAD', `/v2/app/blobs/${old.layer}`)).status, 404);
});

test('A manifest whose tag moved on goes only when that is asked for', async () => {
  await using host = await startSingleHost();
  const wire = new RegistryWire(host.baseUrl);
  const first = await wire.pushImage('app', 'latest', Buffer.from('first'));
  await wire.pushImage('app', 'latest', Buffer.from('second'));

  const kept = await gc(host);
  assert.match(kept, /0 blobs and 0 manifests eligible/);
  const answer: unknown = JSON.parse(await gc(host, '--delete-untagged', '--json'));
  const done = Parse(CollectionResult, Clean(CollectionResult, answer));

  assert.deepEqual(done.manifests.named, [{ repository: 'app', digest: first.digest }]);
  assert.equal(done.blobs.count, 1);
  assert.equal((await wire.send('GET', `/v2/app/manifests/${first.digest}`)).status, 404);
  assert.equal((await wire.send('GET', '/v2/app/manifests/latest')).status, 200);
});
