// Push with docker on one host, pull with every client on the others.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { addBusyboxImage } from '../support/busybox-image.ts';
import { Containerd } from '../support/containerd.ts';
import { Dockerd } from '../support/dockerd.ts';
import { Fleet, type FleetNode } from '../support/fleet.ts';
import { ImageLayout } from '../support/image-layout.ts';
import { needs } from '../support/needs.ts';

const commands = ['docker', 'dockerd', 'skopeo', 'podman', 'containerd', 'ctr', 'busybox'];
const image = 'localhost:5000/team/app:v1';

describe('Real clients, each on a host of its own', needs({ namespaces: true, commands }), () => {
  let fleet: Fleet;
  let pusher: FleetNode;
  let second: FleetNode;
  let third: FleetNode;
  let pushingDocker: Dockerd;
  let pullingDocker: Dockerd;
  let containerd: Containerd;
  let pushedDigest: string;

  before(async () => {
    fleet = await Fleet.start({ nodes: 4 });
    pusher = fleet.node(1);
    second = fleet.node(2);
    third = fleet.node(3);
    pushingDocker = fleet.use(await Dockerd.start(pusher.host, join(pusher.folder, 'docker')));
    pullingDocker = fleet.use(await Dockerd.start(second.host, join(second.folder, 'docker')));
    containerd = fleet.use(await Containerd.start(third.host, join(third.folder, 'containerd')));

    const layout = await ImageLayout.create(join(fleet.folder, 'layout'));
    await layout.tag(await addBusyboxImage(layout, { word: 'hello', layerBytes: [5_000_000, 100_000] }), 'v1');
    const archive = join(fleet.folder, 'image.tar');
    await pusher.clients.writeDockerArchive(`oci:${layout.folder}:v1`, archive, image);
    await pushingDocker.docker('load', '--quiet', '--input', archive);
    await pushingDocker.docker('push', '--quiet', image);
    pushedDigest = await pushingDocker.repositoryDigest(image);
  });

  after(async () => {
    await fleet[Symbol.asyncDispose]();
  });

  test('The tag resolves on every host to the digest that docker pushed', async () => {
    const digests = await Promise.all(fleet.nodes.map(async ({ registry }) => registry.resolve('team/app', 'v1')));

    assert.deepEqual(digests, [pushedDigest, pushedDigest, pushedDigest, pushedDigest]);
  });

  test('docker on another host pulls the image and runs it', async () => {
    await pullingDocker.docker('pull', '--quiet', image);

    assert.equal(await pullingDocker.repositoryDigest(image), pushedDigest);
    assert.equal(await pullingDocker.docker('run', '--rm', '--network', 'none', image), 'hello\n');
  });

  test('podman on another host pulls the same digest', async () => {
    assert.equal(await third.clients.podmanPull(image), pushedDigest);
  });

  test('skopeo on another host pulls the same digest', async () => {
    assert.equal(await second.clients.skopeoPull(image, 'skopeo'), pushedDigest);
  });

  test('ctr on another host pulls the same digest', async () => {
    await containerd.ctr('images', 'pull', '--plain-http', '--snapshotter', 'native', image);

    assert.equal(await containerd.imageDigest(image), pushedDigest);
  });

  test('containerd uses a node as the mirror of another registry', async () => {
    const name = 'registry.example/team/app:v1';
    const hostsFolder = join(third.folder, 'hosts');
    await mkdir(join(hostsFolder, 'registry.example'), { recursive: true });
    const mirror = '[host."http://localhost:5000"]\n  capabilities = ["pull", "resolve"]\n';
    await writeFile(join(hostsFolder, 'registry.example/hosts.toml'), mirror);

    await containerd.ctr('images', 'pull', '--hosts-dir', hostsFolder, '--snapshotter', 'native', name);

    assert.equal(await containerd.imageDigest(name), pushedDigest);
  });

  test('docker pushes what it pulled under another name, from another host', async () => {
    const copy = 'localhost:5000/team/copy:v1';
    await pullingDocker.docker('pull', '--quiet', image);
    await pullingDocker.docker('tag', image, copy);

    await pullingDocker.docker('push', '--quiet', copy);

    const digests = await Promise.all(fleet.nodes.map(async ({ registry }) => registry.resolve('team/copy', 'v1')));
    assert.equal(new Set(digests).size, 1);
    assert.notEqual(digests[0], undefined);
  });
});
