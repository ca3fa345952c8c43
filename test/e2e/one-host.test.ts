// `npm start` on one host: a registry on localhost:5000, ready for docker push.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { addBusyboxImage } from '../support/busybox-image.ts';
import { ChildProgram } from '../support/child-program.ts';
import { Dockerd } from '../support/dockerd.ts';
import { eventually } from '../support/eventually.ts';
import { HostNetwork, type NetworkHost } from '../support/host-network.ts';
import { ImageClients } from '../support/image-clients.ts';
import { ImageLayout } from '../support/image-layout.ts';
import { needs } from '../support/needs.ts';
import { RegistryClient } from '../support/registry-client.ts';
import { shoalCommand } from '../support/shoal-program.ts';
import { openTemporaryFolder } from '../support/temporary-folder.ts';

const commands = ['docker', 'dockerd', 'skopeo', 'busybox'];
const image = 'localhost:5000/hello:v1';

describe('One host', needs({ namespaces: true, commands }), () => {
  const resources = new ResourceStack();
  let folder: string;
  let host: NetworkHost;
  let registry: RegistryClient;
  let program: ChildProgram;
  let dockerd: Dockerd;

  before(async () => {
    folder = resources.use(await openTemporaryFolder('one')).path;
    host = resources.use(await HostNetwork.open({ hosts: 1 })).host(0);
    registry = new RegistryClient({ address: { socketPath: await host.socketTo(5000) } });
    dockerd = resources.use(await Dockerd.start(host, join(folder, 'docker')));
    program = await start();
  });

  after(async () => {
    await program.stop();
    await resources[Symbol.asyncDispose]();
  });

  test('npm start says what to type next', async () => {
    // It is ready a moment before it has said so.
    await eventually({ what: 'what to type next', signal: program.ended }, async () => {
      const said = await program.log();
      return /docker push localhost:5000\//.test(said);
    });
  });

  test('docker pushes, pulls and runs an image', async () => {
    const layout = await ImageLayout.create(join(folder, 'layout'));
    await layout.tag(await addBusyboxImage(layout, { word: 'alone' }), 'v1');
    const archive = join(folder, 'image.tar');
    await new ImageClients(host, folder).writeDockerArchive(`oci:${layout.folder}:v1`, archive, image);
    await dockerd.docker('load', '--quiet', '--input', archive);

    await dockerd.docker('push', '--quiet', image);
    await dockerd.docker('image', 'rm', image);
    await dockerd.docker('pull', '--quiet', image);

    assert.equal(await dockerd.docker('run', '--rm', '--network', 'none', image), 'alone\n');
  });

  test('What was pushed is there after a restart', async () => {
    const earlier = await registry.resolve('hello', 'v1');

    const exit = await program.stop();
    program = await start();

    assert.deepEqual(exit, { code: 0, signal: null });
    assert.notEqual(earlier, undefined);
    assert.equal(await registry.resolve('hello', 'v1'), earlier);
  });

  test('shoal status tells programs of the one node', async () => {
    const output = await host.run(shoalCommand(['status', '--json', '--data', join(folder, 'data')]));

    assert.equal(typeof JSON.parse(output), 'object');
  });

  async function start(): Promise<ChildProgram> {
    // What people type, and end: npm and the shell between must not leave the registry behind.
    const project = fileURLToPath(new URL('../..', import.meta.url));
    const started = await ChildProgram.start({
      command: ['npm', '--prefix', project, 'start', '--', '--data', join(folder, 'data')],
      namespace: host.namespace,
      logFile: join(folder, 'shoal.log'),
    });
    await eventually({ what: 'npm start', signal: started.ended, timeoutMs: 60_000 }, async () => {
      const answer = await registry.request({ method: 'GET', path: '/readyz' });
      return answer.status === 200;
    });
    return started;
  }
});
