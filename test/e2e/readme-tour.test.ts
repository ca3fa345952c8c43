// The tour of README.md works as printed: its blocks are run by a shell, on one host and on three.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { addBusyboxImage } from '../support/busybox-image.ts';
import { ChildProgram } from '../support/child-program.ts';
import { Dockerd } from '../support/dockerd.ts';
import { eventually } from '../support/eventually.ts';
import { HostNetwork, type NetworkHost } from '../support/host-network.ts';
import { ImageClients } from '../support/image-clients.ts';
import { ImageLayout } from '../support/image-layout.ts';
import { needs } from '../support/needs.ts';
import { openCheckout, ReadmeTour } from '../support/readme-tour.ts';
import { RegistryClient } from '../support/registry-client.ts';
import { runCommand } from '../support/run-command.ts';
import { openTemporaryFolder } from '../support/temporary-folder.ts';

const commands = ['docker', 'dockerd', 'skopeo', 'busybox', 'curl', 'npm'];
const tour = await ReadmeTour.read();

/** A host with docker, a checkout, and an image named `busybox`. */
class Reader {
  readonly host: NetworkHost;
  readonly #folder: string;
  readonly #docker: Dockerd;
  readonly #registry: RegistryClient;

  private constructor(parts: { host: NetworkHost; folder: string; docker: Dockerd; registry: RegistryClient }) {
    this.host = parts.host;
    this.#folder = parts.folder;
    this.#docker = parts.docker;
    this.#registry = parts.registry;
  }

  static async open(host: NetworkHost, folder: string, owner: ResourceStack): Promise<Reader> {
    const docker = owner.use(await Dockerd.start(host, join(folder, 'docker')));
    const registry = new RegistryClient({ address: { socketPath: await host.socketTo(5000) } });
    return new Reader({ host, folder: await openCheckout(join(folder, 'shoal')), docker, registry });
  }

  async loadBusybox(): Promise<void> {
    const layout = await ImageLayout.create(join(this.#folder, '..', 'layout'));
    await layout.tag(await addBusyboxImage(layout, { word: 'tour' }), 'v1');
    const archive = join(layout.folder, 'image.tar');
    const clients = new ImageClients(this.host, this.#folder);
    await clients.writeDockerArchive(`oci:${layout.folder}:v1`, archive, 'busybox:latest');
    await this.#docker.docker('load', '--quiet', '--input', archive);
  }

  /** Types a block and waits for its end. */
  async type(block: string): Promise<string> {
    const env = { DOCKER_HOST: this.#docker.address };
    const options = { namespace: this.host.namespace, folder: this.#folder, env, timeoutMs: 120_000 };
    return runCommand(tour.command(block), options);
  }

  /** Types a block that goes on running, and returns once the registry answers. */
  async start(block: string, replaced: Readonly<Record<string, string>> = {}): Promise<ChildProgram> {
    const [shell = '', ...args] = tour.command(block, replaced);
    const program = await ChildProgram.start({
      command: ['env', '--chdir', this.#folder, shell, ...args],
      namespace: this.host.namespace,
      logFile: join(this.#folder, '..', 'terminal.log'),
    });
    await eventually({ what: block, signal: program.ended, timeoutMs: 60_000 }, async () => {
      const answer = await this.#registry.request({ method: 'GET', path: '/readyz' });
      return answer.status === 200;
    });
    return program;
  }
}

test('Every block of the tour is one that these tests run', () => {
  assert.deepEqual(tour.names, [
    'start',
    'one host',
    'first host',
    'token',
    'other hosts',
    'push on one',
    'pull on another',
  ]);
});

describe('The tour of the README', needs({ namespaces: true, commands }), () => {
  const resources = new ResourceStack();
  let folder: string;
  let network: HostNetwork;

  before(async () => {
    folder = resources.use(await openTemporaryFolder('tour')).path;
    network = resources.use(await HostNetwork.open({ hosts: 4 }));
  });

  after(async () => {
    await resources[Symbol.asyncDispose]();
  });

  test('works as printed on one host', async () => {
    const reader = await Reader.open(network.host(3), join(folder, 'one'), resources);
    await reader.loadBusybox();
    resources.use(await reader.start('start'));

    const output = await reader.type('one host');

    assert.match(output, /^it works$/m);
    assert.match(output, /"repositories":\["team\/busybox"\]/);
    assert.match(output, /origin/);
  });

  test('works as printed on three hosts', async () => {
    const [first, second, third] = await Promise.all(
      [0, 1, 2].map((index) => Reader.open(network.host(index), join(folder, `h${index}`), resources)),
    );
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    await second.loadBusybox();

    resources.use(await first.start('first host'));
    for (const other of [second, third]) {
      const token = (await first.type('token')).trim();
      resources.use(await other.start('other hosts', { '10.0.0.1': first.host.address, TOKEN: token }));
    }
    await second.type('push on one');
    const output = await third.type('pull on another');

    assert.match(output, /^it came from a peer$/m);
  });
});
