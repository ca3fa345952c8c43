// What crosses the network when images move: every byte once per host, however many ask.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { addBusyboxImage } from '../support/busybox-image.ts';
import { pullAndHash } from '../support/pull-and-hash.ts';
import { Fleet, type FleetNode } from '../support/fleet.ts';
import { type Descriptor, ImageLayout } from '../support/image-layout.ts';
import { needs } from '../support/needs.ts';
import { pushImage } from '../support/registry-client.ts';
import { seededBytes } from '../support/seeded-bytes.ts';

const GiB = 1024 ** 3;
/** Framing, TLS and the conversation with the coordinator come on top of the bytes themselves. */
const overhead = 1.05;

describe('Bytes on the wire', needs({ namespaces: true, commands: ['skopeo', 'curl', 'busybox'] }), () => {
  let fleet: Fleet;
  let layout: ImageLayout;
  let pusher: FleetNode;

  before(async () => {
    fleet = await Fleet.start({ nodes: 4 });
    layout = await ImageLayout.create(join(fleet.folder, 'layout'));
    pusher = fleet.node(1);
  });

  after(async () => {
    await fleet[Symbol.asyncDispose]();
  });

  test('Ten clients pull one image through one node at once, and each blob comes to that host once', async () => {
    const image = await addBusyboxImage(layout, { word: 'ten', layerBytes: [20_000_000, 10_000_000, 50_000] });
    await pushImage(pusher.registry, layout, image, { repository: 'wire/ten', reference: 'v1' });
    const puller = fleet.node(2);
    const sizeBytes = await imageBytes(image);
    const earlier = await puller.host.counters();

    const names = Array.from({ length: 10 }, (_, number) => `client-${number}`);
    const digests = await Promise.all(
      names.map(async (name) => puller.clients.skopeoPull('localhost:5000/wire/ten:v1', name)),
    );

    const received = (await puller.host.counters()).receivedBytes - earlier.receivedBytes;
    assert.deepEqual(new Set(digests), new Set([image.digest]));
    assert.ok(received >= sizeBytes, `${received} bytes received for an image of ${sizeBytes}`);
    assert.ok(received < sizeBytes * overhead, `${received} bytes received for an image of ${sizeBytes}`);
  });

  test('A blob of 1 GiB arrives whole on two hosts, once on each', async () => {
    const content = seededBytes('large', GiB);
    const artifact = await layout.addArtifact({ artifactType: 'application/vnd.example.large', content });
    const blob = await layout.blobOf(artifact);
    await pushImage(pusher.registry, layout, artifact, { repository: 'wire/large', reference: 'v1' });
    const pullers = [fleet.node(2), fleet.node(3)];
    const earlier = await Promise.all(pullers.map(async ({ host }) => host.counters()));

    const digests = await Promise.all(pullers.map(async (puller) => pullAndHash(puller, 'wire/large', blob.digest)));

    assert.deepEqual(digests, [blob.digest, blob.digest]);
    for (const [index, { host }] of pullers.entries()) {
      const received = (await host.counters()).receivedBytes - (earlier[index]?.receivedBytes ?? 0);
      // Acknowledgements of what this host serves to the other count too.
      assert.ok(received >= GiB && received < GiB * overhead, `${received} bytes received for 1 GiB`);
    }
  });

  async function imageBytes(image: Descriptor): Promise<number> {
    const { config, layers = [] } = await layout.readManifest(image.digest);
    return [config, ...layers].reduce((sum, blob) => sum + (blob?.size ?? 0), 0);
  }
});
