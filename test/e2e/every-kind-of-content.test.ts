// Whatever the specifications allow to be pushed on one host arrives on the others as it was.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { addBusyboxImage } from '../support/busybox-image.ts';
import { Fleet, type FleetNode } from '../support/fleet.ts';
import { type Descriptor, ImageLayout } from '../support/image-layout.ts';
import { needs } from '../support/needs.ts';
import { pushImage } from '../support/registry-client.ts';
import { seededBytes } from '../support/seeded-bytes.ts';

describe('Content of every kind', needs({ namespaces: true, commands: ['skopeo', 'busybox'] }), () => {
  let fleet: Fleet;
  let layout: ImageLayout;
  let pusher: FleetNode;
  let puller: FleetNode;

  before(async () => {
    fleet = await Fleet.start({ nodes: 3 });
    layout = await ImageLayout.create(join(fleet.folder, 'layout'));
    pusher = fleet.node(1);
    puller = fleet.node(2);
  });

  after(async () => {
    await fleet[Symbol.asyncDispose]();
  });

  test('An OCI image keeps its digest', async () => {
    const image = await addBusyboxImage(layout, { word: 'oci', layerBytes: [700_000] });

    assert.equal(await copyThroughTheFleet(image, 'oci'), image.digest);
  });

  test('A docker schema 2 image keeps its digest and its type', async () => {
    const image = await addBusyboxImage(layout, { word: 'schema2', layerBytes: [700_000], format: 'docker' });
    await pushImage(pusher.registry, layout, image, { repository: 'kinds/schema2', reference: 'v1' });

    assert.equal(await puller.clients.skopeoPull('localhost:5000/kinds/schema2:v1', 'schema2'), image.digest);
    const answer = await puller.registry.pullManifest('kinds/schema2', 'v1');
    assert.equal(answer.headers['content-type'], image.mediaType);
  });

  test('An index brings the images of all its architectures', async () => {
    const amd64 = await addBusyboxImage(layout, { word: 'amd64' });
    const layer = await layout.addLayer([{ type: 'file', path: 'arm', content: Buffer.from('arm64') }]);
    const arm64 = await layout.addImage([layer], { architecture: 'arm64' });
    const index = await layout.addIndex([amd64, arm64]);

    assert.equal(await copyThroughTheFleet(index, 'index'), index.digest);
    assert.equal(await puller.registry.resolve('kinds/index', arm64.digest), arm64.digest);
  });

  test('An image of forty small layers arrives whole', async () => {
    const layers: Descriptor[] = [];
    for (let number = 0; number < 40; number += 1) {
      layers.push(await layout.addLayer([{ type: 'file', path: `file-${number}`, content: Buffer.from(`${number}`) }]));
    }
    const image = await layout.addImage(layers);

    assert.equal(await copyThroughTheFleet(image, 'forty'), image.digest);
  });

  test('A blob of no bytes is pushed and pulled like any other', async () => {
    const artifact = await layout.addArtifact({ artifactType: 'application/vnd.example.nothing', content: [] });
    await pushImage(pusher.registry, layout, artifact, { repository: 'kinds/empty', reference: 'v1' });

    await puller.registry.pullManifest('kinds/empty', 'v1');
    const bytes = await puller.registry.pullBlob('kinds/empty', (await layout.blobOf(artifact)).digest);

    assert.equal(bytes.length, 0);
  });

  test('An artifact about an image is listed among its referrers on every host', async () => {
    const image = await addBusyboxImage(layout, { word: 'subject' });
    await pushImage(pusher.registry, layout, image, { repository: 'kinds/subject', reference: 'v1' });
    const content = [...seededBytes('signature', 5_000)];
    const artifactType = 'application/vnd.example.signature';
    const { platform: _, ...subject } = image;
    const artifact = await layout.addArtifact({ artifactType, content, subject });

    await pushImage(pusher.registry, layout, artifact, { repository: 'kinds/subject', reference: artifact.digest });

    for (const { registry } of fleet.nodes) {
      const answer = await registry.request({ method: 'GET', path: `/v2/kinds/subject/referrers/${image.digest}` });
      const list = JSON.parse(answer.body.toString()) as { manifests: Descriptor[] };
      assert.deepEqual(
        list.manifests.map(({ digest, artifactType: type }) => [digest, type]),
        [[artifact.digest, artifactType]],
      );
    }
    const { digest } = await layout.blobOf(artifact);
    assert.deepEqual(await puller.registry.pullBlob('kinds/subject', digest), Buffer.concat(content));
  });

  test('Two tags of one image give one digest, and both are listed', async () => {
    const image = await addBusyboxImage(layout, { word: 'twice' });
    await pushImage(pusher.registry, layout, image, { repository: 'kinds/twice', reference: 'v1' });
    await pushImage(puller.registry, layout, image, { repository: 'kinds/twice', reference: 'latest' });

    const digests = await Promise.all(
      ['v1', 'latest'].map(async (tag) => fleet.node(0).registry.resolve('kinds/twice', tag)),
    );
    const list = await pusher.registry.request({ method: 'GET', path: '/v2/kinds/twice/tags/list' });

    assert.deepEqual(digests, [image.digest, image.digest]);
    assert.deepEqual(JSON.parse(list.body.toString()), { name: 'kinds/twice', tags: ['latest', 'v1'] });
  });

  test('A moved tag is seen at once on every host', async () => {
    const resolveEverywhere = async (): Promise<unknown[]> =>
      Promise.all(fleet.nodes.map(async ({ registry }) => registry.resolve('kinds/moved', 'v1')));

    for (const word of ['first', 'second', 'third']) {
      const image = await addBusyboxImage(layout, { word });
      const from = word === 'second' ? puller : pusher;
      await pushImage(from.registry, layout, image, { repository: 'kinds/moved', reference: 'v1' });

      assert.deepEqual(new Set(await resolveEverywhere()), new Set([image.digest]));
    }
  });

  /** skopeo copies on one host what skopeo pushed on another; gives the digest that arrived. */
  async function copyThroughTheFleet(image: Descriptor, name: string): Promise<string> {
    await layout.tag(image, name);
    await pusher.clients.skopeoCopy(`oci:${layout.folder}:${name}`, `docker://localhost:5000/kinds/${name}:v1`);
    return puller.clients.skopeoPull(`localhost:5000/kinds/${name}:v1`, name);
  }
});
