// A fleet as the cache of another registry, asked by the clients that people have.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { addBusyboxImage } from '../support/busybox-image.ts';
import { Containerd } from '../support/containerd.ts';
import { Dockerd } from '../support/dockerd.ts';
import { Fleet, type FleetNode } from '../support/fleet.ts';
import type { NetworkHost } from '../support/host-network.ts';
import { ImageLayout, type Descriptor } from '../support/image-layout.ts';
import { needs } from '../support/needs.ts';
import { pushImage } from '../support/registry-client.ts';
import { ReferenceRegistry } from '../support/reference-registry.ts';
import { OCI_INDEX } from '../support/registry-wire.ts';

const commands = ['docker-registry', 'dockerd', 'docker', 'containerd', 'ctr', 'podman', 'skopeo'];
/** Of the one large layer: far more than all else that the upstream sends. */
const LAYER_BYTES = 16 * 1024 * 1024;

describe('A fleet that caches another registry', needs({ namespaces: true, commands }), () => {
  let fleet: Fleet;
  let upstreamHost: NetworkHost;
  let upstream: ReferenceRegistry;
  let layout: ImageLayout;
  let image: Descriptor;
  let digest: string;
  let first: FleetNode;
  let second: FleetNode;

  before(async () => {
    fleet = await Fleet.start({
      nodes: 2,
      spareHosts: 1,
      nodeArgs: ([spare]) => {
        const registries = [{ name: 'registry.example', url: `http://${spare?.address}:5000` }];
        return [
          `--upstreams-registries=${JSON.stringify(registries)}`,
          '--upstreams-default=registry.example',
          '--upstreams-fresh-ms=0s', // the upstream is asked with every pull
        ];
      },
    });
    const [spare] = fleet.spareHosts;
    assert.ok(spare !== undefined);
    upstreamHost = spare;
    [first, second] = [fleet.node(0), fleet.node(1)];
    upstream = fleet.use(await ReferenceRegistry.start(upstreamHost, join(fleet.folder, 'upstream')));
    layout = await ImageLayout.create(join(fleet.folder, 'layout'));
    image = await addBusyboxImage(layout, { word: 'cached', layerBytes: [LAYER_BYTES] });
    await pushImage(upstream.client, layout, image, { repository: 'team/app', reference: 'v1' });
    digest = image.digest;
  });

  after(async () => fleet?.[Symbol.asyncDispose]());

  test('gives containerd, podman, skopeo and docker the same image, and the upstream sends it once', async () => {
    const sentBefore = (await upstreamHost.counters()).sentBytes;

    // As the mirror of the registry, asked with `?ns=`.
    const containerd = fleet.use(await Containerd.start(first.host, join(first.folder, 'containerd')));
    const hostsFolder = join(first.folder, 'hosts');
    await mkdir(join(hostsFolder, 'registry.example'), { recursive: true });
    const mirror = '[host."http://localhost:5000"]\n  capabilities = ["pull", "resolve"]\n';
    await writeFile(join(hostsFolder, 'registry.example/hosts.toml'), mirror);
    const name = 'registry.example/team/app:v1';
    const pull = ['images', 'pull', '--hosts-dir', hostsFolder, '--snapshotter', 'native', name];
    // By the registry's name in front, on the other host at the same moment.
    const [, podmanDigest] = await Promise.all([
      containerd.ctr(...pull),
      second.clients.podmanPull('localhost:5000/registry.example/team/app:v1'),
    ]);
    assert.equal(await containerd.imageDigest(name), digest);
    assert.equal(podmanDigest, digest);
    assert.equal(await second.clients.skopeoPull('localhost:5000/registry.example/team/app:v1', 'copy'), digest);
    // By its bare name, which stands for the default.
    const docker = fleet.use(await Dockerd.start(second.host, join(second.folder, 'docker')));
    await docker.docker('pull', '--quiet', 'localhost:5000/team/app:v1');
    const repoDigests = await docker.docker(
      'image',
      'inspect',
      '--format',
      '{{.RepoDigests}}',
      'localhost:5000/team/app:v1',
    );
    assert.ok(repoDigests.includes(digest));

    const sent = (await upstreamHost.counters()).sentBytes - sentBefore;
    assert.ok(sent > LAYER_BYTES && sent < 1.5 * LAYER_BYTES, `the upstream sent ${sent} bytes`);
  });

  test('lists what refers to an image, which docker-registry keeps under a tag alone, and gives it to every host', async () => {
    const artifactType = 'application/vnd.example.signature';
    const { platform: _, ...subject } = image;
    const artifact = await layout.addArtifact({ artifactType, content: [Buffer.from('signed')], subject });
    await pushImage(upstream.client, layout, artifact, { repository: 'team/app', reference: artifact.digest });
    const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [artifact] };
    const target = { repository: 'team/app', reference: digest.replace(':', '-') };
    await upstream.client.pushManifest(target, OCI_INDEX, Buffer.from(JSON.stringify(index)));

    for (const { registry } of [first, second]) {
      const path = `/v2/registry.example/team/app/referrers/${digest}?artifactType=${artifactType}`;
      const answer = await registry.request({ method: 'GET', path });
      assert.equal(answer.status, 200, answer.body.toString());
      assert.equal(answer.headers['oci-filters-applied'], 'artifactType');
      const list = JSON.parse(answer.body.toString()) as { manifests: Descriptor[] };
      assert.deepEqual(
        list.manifests.map((entry) => entry.digest),
        [artifact.digest],
      );
      const { body } = await registry.pullManifest('registry.example/team/app', artifact.digest);
      assert.equal((JSON.parse(body.toString()) as { subject: Descriptor }).subject.digest, digest);
      const blob = await layout.blobOf(artifact);
      assert.equal((await registry.pullBlob('registry.example/team/app', blob.digest)).toString(), 'signed');
    }
  });

  test('serves what it has when the upstream is gone, and says so', async () => {
    await upstream[Symbol.asyncDispose]();
    assert.equal(await first.clients.skopeoPull('localhost:5000/registry.example/team/app:v1', 'again'), digest);
    assert.match(await first.program.log(), /its upstream cannot say/);
  });
});
