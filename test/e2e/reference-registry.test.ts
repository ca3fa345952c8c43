// The harness against Debian's own registry: what fails here is wrong with the tests, not with Shoal.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { addBusyboxImage } from '../support/busybox-image.ts';
import { Containerd } from '../support/containerd.ts';
import { Dockerd } from '../support/dockerd.ts';
import { HostNetwork, type NetworkHost } from '../support/host-network.ts';
import { ImageClients } from '../support/image-clients.ts';
import { type Descriptor, ImageLayout } from '../support/image-layout.ts';
import { needs } from '../support/needs.ts';
import { ReferenceRegistry } from '../support/reference-registry.ts';
import { pushImage } from '../support/registry-client.ts';
import { openTemporaryFolder } from '../support/temporary-folder.ts';

const commands = ['docker', 'dockerd', 'skopeo', 'podman', 'containerd', 'ctr', 'docker-registry', 'busybox'];

describe('The test harness, with a registry that is not ours', needs({ namespaces: true, commands }), () => {
  const resources = new ResourceStack();
  let folder: string;
  let server: NetworkHost;
  let user: NetworkHost;
  let registry: ReferenceRegistry;
  let layout: ImageLayout;
  let image: Descriptor;

  before(async () => {
    folder = resources.use(await openTemporaryFolder('reference')).path;
    const network = resources.use(await HostNetwork.open({ hosts: 2, bytesPerSecond: 50_000_000 }));
    server = network.host(0);
    user = network.host(1);
    registry = resources.use(await ReferenceRegistry.start(server, join(folder, 'registry')));
    layout = await ImageLayout.create(join(folder, 'layout'));
    image = await addBusyboxImage(layout, { word: 'hello', layerBytes: [3_000_000] });
    await pushImage(registry.client, layout, image, { repository: 'made/by-hand', reference: 'v1' });
  });

  after(async () => {
    await resources[Symbol.asyncDispose]();
  });

  test('Every host has a localhost of its own', async () => {
    const here = await server.try(['curl', '--silent', '--fail', 'http://localhost:5000/v2/']);
    const there = await user.try(['curl', '--silent', '--fail', 'http://localhost:5000/v2/']);

    assert.deepEqual([here.code, there.code], [0, 7]); // 7: connection refused
  });

  test('Counters of a link see the bytes of a transfer, and the limit of its rate holds', async () => {
    const [, , layer = image] = await layout.layersOf(image);
    const earlier = await user.counters();
    const startMs = performance.now();

    await user.run(['curl', '--silent', '--fail', '-o', '/dev/null', blobUrl(server, layer.digest)]);

    const seconds = (performance.now() - startMs) / 1000;
    const received = (await user.counters()).receivedBytes - earlier.receivedBytes;
    assert.ok(received > layer.size && received < layer.size * 1.05, `${received} bytes for ${layer.size}`);
    assert.ok(seconds > (layer.size - 600_000) / 50_000_000, `${seconds} s`);
  });

  test('skopeo copies a layout to a registry and back, digests kept', async () => {
    const clients = new ImageClients(server, await subfolder('skopeo'));
    await layout.tag(image, 'v1');

    await clients.skopeoCopy(`oci:${layout.folder}:v1`, 'docker://localhost:5000/by/skopeo:v1');

    assert.equal(await clients.skopeoPull('localhost:5000/by/skopeo:v1', 'back'), image.digest);
  });

  test('docker, podman and ctr pull what was pushed, and docker runs it', async () => {
    const name = 'localhost:5000/made/by-hand:v1';
    await using dockerd = await Dockerd.start(server, await subfolder('docker'));
    await using containerd = await Containerd.start(server, await subfolder('containerd'));
    const clients = new ImageClients(server, await subfolder('podman'));

    await dockerd.docker('pull', '--quiet', name);
    await containerd.ctr('images', 'pull', '--plain-http', '--snapshotter', 'native', name);
    const digests = [
      await dockerd.repositoryDigest(name),
      await containerd.imageDigest(name),
      await clients.podmanPull(name),
    ];

    assert.deepEqual(new Set(digests), new Set([image.digest]));
    assert.equal(await dockerd.docker('run', '--rm', '--network', 'none', name), 'hello\n');
  });

  test('docker pushes an image that was loaded into it', async () => {
    const clients = new ImageClients(server, await subfolder('load'));
    await using dockerd = await Dockerd.start(server, await subfolder('docker-push'));
    const archive = join(folder, 'image.tar');
    const name = 'localhost:5000/by/docker:v1';
    await layout.tag(image, 'v1');
    await clients.writeDockerArchive(`oci:${layout.folder}:v1`, archive, name);
    await dockerd.docker('load', '--quiet', '--input', archive);

    await dockerd.docker('push', '--quiet', name);

    assert.equal(await registry.client.resolve('by/docker', 'v1'), await dockerd.repositoryDigest(name));
  });

  async function subfolder(name: string): Promise<string> {
    const path = join(folder, name);
    await mkdir(path, { recursive: true });
    return path;
  }
});

function blobUrl(host: NetworkHost, digest: string): string {
  return `http://${host.address}:5000/v2/made/by-hand/blobs/${digest}`;
}
