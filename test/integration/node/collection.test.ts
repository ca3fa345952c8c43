// Space is given back: on the origin and on nodes that pulled, after a delete and when a quota is full.

import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ComposedFleet } from '../../support/composed-fleet.ts';
import { eventually } from '../../support/eventually.ts';
import { digestText, freshName, RegistryWire } from '../../support/registry-wire.ts';

const SOON = { everyMs: 100, deleteDelayMs: 0 };

test('What nothing leads to any more is deleted on every host that is there, and later on one that was away', async () => {
  await using fleet = await ComposedFleet.start({ collection: SOON });
  await using origin = await fleet.startOwnNode();
  const away = await fleet.startNode('away');
  const wire = new RegistryWire(origin.baseUrl);
  const name = freshName();
  const layer = Buffer.from(`a layer of ${name}`);
  const image = await wire.pushImage(name, 'v1', layer);
  const pulled = await new RegistryWire(away.baseUrl).send('GET', `/v2/${name}/blobs/${digestText(layer)}`);
  assert.equal(pulled.status, 200);
  await eventually({ what: 'the pulled copy on disk' }, () => holds(fleet, 'away', layer));
  await away[Symbol.asyncDispose]();

  const deleted = await wire.send('DELETE', `/v2/${name}/manifests/${image.digest}`);
  assert.equal(deleted.status, 202);
  await eventually({ what: 'the file gone at the origin' }, async () => !(await holds(fleet, 'own', layer)));
  assert.ok(await holds(fleet, 'away', layer));

  await using back = await fleet.startNode('away');
  await eventually(
    { what: 'the file gone on the host that came back' },
    async () => !(await holds(fleet, 'away', layer)),
  );
  const gone = await new RegistryWire(back.baseUrl).send('GET', `/v2/${name}/blobs/${digestText(layer)}`);
  assert.equal(gone.status, 404);
});

test('A layer that another image names stays, and a blob of a push under way too', async () => {
  await using fleet = await ComposedFleet.start({ collection: SOON });
  await using origin = await fleet.startOwnNode();
  const wire = new RegistryWire(origin.baseUrl);
  const name = freshName();
  const shared = Buffer.from(`shared by two of ${name}`);
  const alone = Buffer.from(`of one of ${name}`);
  const pending = Buffer.from(`waits for its manifest in ${name}`);
  const first = await wire.pushImage(name, 'v1', shared);
  await wire.pushImage(`${name}/other`, 'v1', shared);
  const second = await wire.pushImage(name, 'v2', alone);
  await wire.pushBlob(name, pending);

  for (const { digest } of [first, second]) await wire.send('DELETE', `/v2/${name}/manifests/${digest}`);
  await eventually({ what: 'the file that nobody shares gone' }, async () => !(await holds(fleet, 'own', alone)));

  assert.ok(await holds(fleet, 'own', shared));
  assert.ok(await holds(fleet, 'own', pending));
  const kept = await wire.send('GET', `/v2/${name}/other/blobs/${digestText(shared)}`);
  assert.ok(kept.body.equals(shared));
});

test('What was collected can be pushed again at once', async () => {
  await using fleet = await ComposedFleet.start({ collection: SOON });
  await using origin = await fleet.startOwnNode();
  const wire = new RegistryWire(origin.baseUrl);
  const name = freshName();
  const layer = Buffer.from(`again and again ${name}`);
  for (let round = 0; round < 4; round += 1) {
    const image = await wire.pushImage(name, 'v1', layer);
    const blob = await wire.send('GET', `/v2/${name}/blobs/${digestText(layer)}`);
    assert.ok(blob.body.equals(layer), `round ${round}`);
    await wire.send('DELETE', `/v2/${name}/manifests/${image.digest}`);
    if (round % 2 === 0) await eventually({ what: 'the file gone' }, async () => !(await holds(fleet, 'own', layer)));
  }
});

test('A file that its host never told of is deleted once it does, and not while a record names it', async () => {
  await using fleet = await ComposedFleet.start({ collection: SOON });
  await using origin = await fleet.startOwnNode();
  const wire = new RegistryWire(origin.baseUrl);
  const name = freshName();
  const known = Buffer.from(`in an image of ${name}`);
  const orphan = Buffer.from(`of a push of ${name} that ended before it was recorded`);
  await wire.pushImage(name, 'v1', known);
  const away = await fleet.startNode('away');
  await away[Symbol.asyncDispose]();
  for (const bytes of [known, orphan]) await place(fleet, 'away', bytes);

  await using back = await fleet.startNode('away');
  await eventually({ what: 'the unknown file gone' }, async () => !(await holds(fleet, 'away', orphan)));
  assert.ok(await holds(fleet, 'away', known));
  const served = await new RegistryWire(back.baseUrl).send('GET', `/v2/${name}/blobs/${digestText(known)}`);
  assert.ok(served.body.equals(known));
});

/** Puts a file where a node keeps its blobs, while the node is stopped. */
async function place(fleet: ComposedFleet, node: string, bytes: Buffer): Promise<void> {
  const hex = digestText(bytes).slice('sha256:'.length);
  const shard = join(fleet.folder, node, 'store/blobs/sha256', hex.slice(0, 2));
  await mkdir(shard, { recursive: true });
  await writeFile(join(shard, hex), bytes);
}

async function holds(fleet: ComposedFleet, node: string, bytes: Buffer): Promise<boolean> {
  const hex = digestText(bytes).slice('sha256:'.length);
  const shard = join(fleet.folder, node, 'store/blobs/sha256', hex.slice(0, 2));
  const names: string[] = await readdir(shard).catch(() => []);
  return names.includes(hex);
}

test('A node over its quota deletes what was not used for long, and never what has no other copy', async () => {
  await using fleet = await ComposedFleet.start();
  await using origin = await fleet.startOwnNode();
  const quota = { quotaBytes: 3000, highPercent: 90, lowPercent: 70, lookEveryMs: 100 };
  await using node = await fleet.startNode('away', { eviction: quota });
  const wire = new RegistryWire(origin.baseUrl);
  const name = freshName();
  const layers = ['one', 'two', 'three'].map((text) => Buffer.alloc(1000, `${text} of ${name} `));
  for (const [index, layer] of layers.entries()) await wire.pushImage(name, `v${index}`, layer);
  for (const layer of layers) {
    await new RegistryWire(node.baseUrl).send('GET', `/v2/${name}/blobs/${digestText(layer)}`);
  }

  await eventually({ what: 'room made on the node' }, async () => {
    const held = await Promise.all(layers.map((layer) => holds(fleet, 'away', layer)));
    return held.filter(Boolean).length <= 2;
  });
  for (const layer of layers) {
    assert.ok(await holds(fleet, 'own', layer), 'the origin keeps everything');
    const again = await new RegistryWire(node.baseUrl).send('GET', `/v2/${name}/blobs/${digestText(layer)}`);
    assert.ok(again.body.equals(layer));
  }
});
