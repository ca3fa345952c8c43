// Copies of upstreams go some day; what something else needs stays.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComposedFleet } from '../../support/composed-fleet.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeUpstream } from '../../support/fake-upstream.ts';
import { digestText, RegistryWire } from '../../support/registry-wire.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';

const SOON = { everyMs: 100, deleteDelayMs: 0 };

test('When copies are too large together the longest unused goes with its layers; what something else needs stays', async () => {
  await using upstream = await FakeUpstream.start();
  // Looked at every six seconds; only the size decides.
  await using fleet = await ComposedFleet.start({ cache: { ttlMs: 60_000, maxBytes: 400_000 }, collection: SOON });
  const registries = [{ name: 'up.example', url: upstream.url }];
  const node = await fleet.startOwnNode({ upstreams: { registries } });
  const wire = new RegistryWire(node.baseUrl);
  const shared = Buffer.concat([...seededBytes('shared', 300_000)]);
  const alone = Buffer.concat([...seededBytes('alone', 250_000)]);
  const images = [
    { name: 'oldest', layer: alone },
    { name: 'old', layer: shared },
    { name: 'new', layer: shared },
  ];
  for (const { name, layer } of images) {
    const image = upstream.hold(`org/${name}`, 'v1', layer);
    await wire.send('GET', `/v2/up.example/org/${name}/manifests/v1`);
    assert.equal((await wire.send('GET', `/v2/up.example/org/${name}/blobs/${image.layer}`)).status, 200);
  }
  const ours = await wire.pushImage('team/app', 'v1', alone);
  await upstream.close();
  const removedBytes = async (): Promise<number> => {
    const { body } = await node.metrics.text();
    return Number(/^shoal_store_removed_bytes_total\{[^}]*\} (\d+)/m.exec(body)?.[1] ?? 0);
  };

  await eventually({ what: 'the oldest copy to go' }, async () => {
    const { status } = await wire.send('GET', '/v2/up.example/org/oldest/manifests/v1');
    return status === 503;
  });
  assert.equal(await removedBytes(), 0, 'its layer was pushed, too');
  for (const name of ['old', 'new']) {
    assert.equal((await wire.send('GET', `/v2/up.example/org/${name}/manifests/v1`)).status, 200);
    const blob = await wire.send('GET', `/v2/up.example/org/${name}/blobs/${digestText(shared)}`);
    assert.ok(blob.body.equals(shared));
  }
  await wire.send('DELETE', `/v2/team/app/manifests/${ours.digest}`);
  await eventually({ what: 'the layer that nobody needs any more to go' }, async () => (await removedBytes()) > 0);
});
