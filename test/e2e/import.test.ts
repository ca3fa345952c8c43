// Moving in from a registry that really ran: Debian's docker-registry, filled by skopeo, and pulled back by skopeo, with digests kept.

import assert from 'node:assert/strict';
import { cp, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { addBusyboxImage } from '../support/busybox-image.ts';
import { HASH_OF_RIGHT } from '../support/htpasswd.ts';
import { HostNetwork, type NetworkHost } from '../support/host-network.ts';
import { ImageClients } from '../support/image-clients.ts';
import { type Descriptor, ImageLayout } from '../support/image-layout.ts';
import { needs } from '../support/needs.ts';
import { OldRegistryFolder } from '../support/old-registry-folder.ts';
import { ReferenceRegistry } from '../support/reference-registry.ts';
import { pushImage } from '../support/registry-client.ts';
import { runCommand, tryCommand, type CommandResult } from '../support/run-command.ts';
import { shoalCommand, ShoalProgram } from '../support/shoal-program.ts';
import { openTemporaryFolder } from '../support/temporary-folder.ts';

const commands = ['docker-registry', 'skopeo', 'busybox'];

describe('Images of a registry:2', needs({ namespaces: true, commands }), () => {
  const resources = new ResourceStack();
  let folder: string;
  let theirs: NetworkHost;
  let ours: NetworkHost;
  let locked: NetworkHost;
  let old: ReferenceRegistry;
  let image: Descriptor;
  let index: Descriptor;
  let docker: Descriptor;
  let layer: string;

  before(async () => {
    folder = resources.use(await openTemporaryFolder('moving')).path;
    const network = resources.use(await HostNetwork.open({ hosts: 3 }));
    theirs = network.host(0);
    ours = network.host(1);
    locked = network.host(2);
    old = resources.use(await ReferenceRegistry.start(theirs, join(folder, 'old')));
    const layout = await ImageLayout.create(join(folder, 'layout'));
    const clients = new ImageClients(theirs, folder);
    image = await addBusyboxImage(layout, { word: 'oci', layerBytes: [2_000_000] });
    docker = await addBusyboxImage(layout, { word: 'docker', format: 'docker' });
    const layers = await layout.layersOf(image);
    index = await layout.addIndex([image, await layout.addImage(layers, { architecture: 'arm64' })]);
    layer = layers.at(-1)?.digest ?? '';
    await layout.tag(image, 'v1');
    await clients.skopeoCopy(`oci:${layout.folder}:v1`, 'docker://localhost:5000/team/oci:v1');
    await pushImage(old.client, layout, docker, { repository: 'team/docker', reference: 'v1' });
    await pushImage(old.client, layout, index, { repository: 'library/deep/multi', reference: 'v1' });
  });

  after(async () => {
    await resources[Symbol.asyncDispose]();
  });

  async function start(name: string): Promise<ShoalProgram> {
    const args = ['up', `--data=${join(folder, name)}`];
    return ShoalProgram.start({ args, logFile: join(folder, `${name}.log`), host: ours, http: { port: 5000 } });
  }

  async function assertAllIsThere(name: string): Promise<void> {
    const clients = new ImageClients(ours, folder);
    const pulled = [];
    for (const at of ['team/oci:v1', 'team/docker:v1', 'library/deep/multi:v1']) {
      pulled.push(await clients.skopeoPull(`localhost:5000/${at}`, `${name}-${pulled.length}`));
    }
    assert.deepEqual(pulled, [image.digest, docker.digest, index.digest]);
  }

  test('come in from its folder while it runs, as second names of its files', async () => {
    await using _program = await start('by-folder');
    const data = join(folder, 'by-folder');

    const told = await runCommand(shoalCommand(['import', join(folder, 'old/data'), `--data=${data}`]));

    assert.match(told, /3 repositories: 5 images came over/);
    await assertAllIsThere('folder');
    const theirFile = await stat(new OldRegistryFolder(join(folder, 'old/data')).dataOf(layer));
    const hex = layer.slice('sha256:'.length);
    const ourFile = await stat(join(data, 'store/blobs/sha256', hex.slice(0, 2), hex));
    assert.equal(ourFile.ino, theirFile.ino);
    assert.equal(await old.client.resolve('team/oci', 'v1'), image.digest);
  });

  test('come in from its address, also when it wants a login', async () => {
    await using _program = await start('by-address');
    const htpasswd = `ci:${HASH_OF_RIGHT}\n`;
    await using _closed = await ReferenceRegistry.start(locked, join(folder, 'closed'), { htpasswd });
    await rm(join(folder, 'closed/data'), { recursive: true, force: true });
    await cp(join(folder, 'old/data'), join(folder, 'closed/data'), { recursive: true });
    const data = `--data=${join(folder, 'by-address')}`;
    const password = join(folder, 'password');
    await writeFile(password, 'right\n');
    const importing = (from: NetworkHost, ...args: readonly string[]): Promise<CommandResult> =>
      tryCommand(shoalCommand(['import', `http://${from.address}:5000`, data, ...args]), { namespace: ours.namespace });

    const refused = await importing(locked);
    const wrong = await importing(locked, '--user=ci', `--password-file=${join(folder, 'htpasswd-none')}`);
    const first = await importing(locked, '--user=ci', `--password-file=${password}`, '--only=team/*');
    const second = await importing(theirs);

    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /does not list its repositories to us; name them, --only .*, or log in/);
    assert.equal(wrong.code, 2);
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /2 repositories: 2 images came over/);
    assert.equal(second.code, 0, second.stderr);
    assert.match(second.stdout, /3 repositories: 3 images came over, 2 were here/);
    await assertAllIsThere('address');
  });
});
