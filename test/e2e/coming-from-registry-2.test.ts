// The page for those who come from the registry container works as printed: its blocks are run by a shell, with docker and
// curl on hosts of their own.

import assert from 'node:assert/strict';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { addBusyboxImage } from '../support/busybox-image.ts';
import { ChildProgram } from '../support/child-program.ts';
import { Dockerd } from '../support/dockerd.ts';
import { eventually } from '../support/eventually.ts';
import { HostNetwork, type NetworkHost } from '../support/host-network.ts';
import { exchange } from '../support/http-exchange.ts';
import { ImageClients } from '../support/image-clients.ts';
import { ImageLayout } from '../support/image-layout.ts';
import { needs } from '../support/needs.ts';
import { PrivateFiles } from '../support/private-files.ts';
import { openCheckout, ReadmeTour } from '../support/readme-tour.ts';
import { ReferenceRegistry } from '../support/reference-registry.ts';
import { runCommand } from '../support/run-command.ts';
import { openTemporaryFolder } from '../support/temporary-folder.ts';

const commands = [
  'docker-registry',
  'docker',
  'dockerd',
  'skopeo',
  'busybox',
  'curl',
  'openssl',
  'htpasswd',
  'update-ca-certificates',
  'unshare',
];
/** `s3cret`, by bcrypt. */
const HTPASSWD = 'puller:$2b$05$6s.NmggfSZ0U3WwiUKrdTO6tMuwTfiuS9Mcy5xp.njGS1qbkHuWhi\n';

const tour = await ReadmeTour.read('docs/coming-from-registry-2.md');

/** A host with a checkout of Shoal. */
class Server {
  readonly host: NetworkHost;
  readonly folder: string;

  private constructor(host: NetworkHost, folder: string) {
    this.host = host;
    this.folder = folder;
  }

  static async open(host: NetworkHost, folder: string): Promise<Server> {
    return new Server(host, await openCheckout(folder));
  }

  async type(block: string, replaced: Readonly<Record<string, string>> = {}): Promise<string> {
    const options = { namespace: this.host.namespace, folder: this.folder, timeoutMs: 120_000 };
    return runCommand(tour.command(block, replaced), options);
  }

  /** Types a block that goes on running, and returns once the registry answers. */
  async start(
    block: string,
    port: number,
    options: { readonly tls: boolean } = { tls: false },
    replaced: Readonly<Record<string, string>> = {},
  ): Promise<ChildProgram> {
    // The shell becomes the registry, so that a signal reaches it, as Ctrl-C in a terminal does.
    const typed = tour.command(block, { ...replaced, 'scripts/registry': 'exec scripts/registry' });
    const program = await ChildProgram.start({
      command: ['env', '--chdir', this.folder, ...typed],
      namespace: this.host.namespace,
      logFile: join(this.folder, 'terminal.log'),
    });
    const address = { socketPath: await this.host.socketTo(port) };
    await eventually({ what: block, signal: program.ended, timeoutMs: 60_000 }, async () => {
      const { status } = await exchange({ address, tls: options.tls }, { method: 'GET', path: '/readyz' });
      return status === 200;
    });
    return program;
  }
}

/** A host with docker, an image named `busybox`, and names and trusted certificates of its own. */
class Client {
  readonly folder: string;
  readonly #host: NetworkHost;
  readonly #files: PrivateFiles;
  readonly #owner: ResourceStack;
  #docker: Dockerd | undefined;
  #starts = 0;

  private constructor(parts: { host: NetworkHost; folder: string; files: PrivateFiles; owner: ResourceStack }) {
    this.folder = parts.folder;
    this.#host = parts.host;
    this.#files = parts.files;
    this.#owner = parts.owner;
  }

  /** @param options.certificates is the folder `certs` of the page, as copied over. */
  static async open(
    host: NetworkHost,
    options: { readonly folder: string; readonly server: Server; readonly owner: ResourceStack },
  ): Promise<Client> {
    const { folder, server, owner } = options;
    await mkdir(folder, { recursive: true });
    const hosts = { 'registry.example': server.host.address };
    const files = owner.use(await PrivateFiles.open({ folder: join(folder, 'own'), hosts }));
    await symlink(join(server.folder, 'certs'), join(folder, 'certs'));
    const client = new Client({ host, folder, files, owner });
    await client.startDocker();
    return client;
  }

  async startDocker(): Promise<void> {
    await this.#docker?.[Symbol.asyncDispose]();
    const options = { prefix: this.#files.prefix };
    const docker = this.#owner.use(await Dockerd.start(this.#host, join(this.folder, 'docker'), options));
    this.#docker = docker;
    const layout = await ImageLayout.create(join(this.folder, 'layout'));
    await layout.tag(await addBusyboxImage(layout, { word: 'tour' }), 'v1');
    const archive = join(this.folder, `image-${(this.#starts += 1)}.tar`);
    await new ImageClients(this.#host, this.folder).writeDockerArchive(
      `oci:${layout.folder}:v1`,
      archive,
      'busybox:latest',
    );
    await docker.docker('load', '--quiet', '--input', archive);
  }

  async type(block: string, replaced: Readonly<Record<string, string>> = {}): Promise<string> {
    const env = { DOCKER_HOST: this.#docker?.address ?? '' };
    const options = { namespace: this.#host.namespace, env, timeoutMs: 120_000 };
    const shell = ['env', '--chdir', this.folder, ...tour.command(block, replaced)];
    return runCommand([...this.#files.prefix, ...shell], options);
  }

  async docker(...args: readonly string[]): Promise<string> {
    return (await this.#docker?.docker(...args)) ?? '';
  }

  /** What an image of these tests says when it is run: the last line of its file. */
  async motdOf(image: string): Promise<string> {
    const archive = join(this.folder, `saved-${(this.#starts += 1)}.tar`);
    await this.#docker?.docker('save', '--output', archive, image);
    const script = `for layer in $(tar -tf ${archive} | grep -E 'blobs/sha256/|layer.tar'); do tar -xOf ${archive} $layer | tar -xOf - etc/motd 2>/dev/null || true; done`;
    return (await runCommand(['sh', '-c', script])).trim();
  }

  /** What docker says when it fails. */
  async refusalOf(...args: readonly string[]): Promise<string> {
    const { code, stderr } = (await this.#docker?.tryDocker(...args)) ?? { code: 0, stderr: '' };
    assert.notEqual(code, 0, args.join(' '));
    return stderr;
  }
}

test('Every block of the page is one that these tests run', () => {
  assert.deepEqual(tour.names, [
    'plain',
    'push and pull',
    'certificate',
    'with the certificate',
    'docker trusts it',
    'password file',
    'with passwords',
    'log in',
    'certificate for an address',
    'docker trusts the address',
    'on port 443',
    'the system trusts it',
    'without a port',
    'configuration',
    'with a configuration',
    'cache',
    'docker asks the cache',
    'pull through the cache',
    'cache with a login',
    'bring in',
  ]);
});

describe('The page for those who come from registry:2', needs({ namespaces: true, commands }), () => {
  const resources = new ResourceStack();
  let folder: string;
  let network: HostNetwork;

  before(async () => {
    folder = resources.use(await openTemporaryFolder('from2')).path;
    network = resources.use(await HostNetwork.open({ hosts: 2 }));
  });

  after(async () => {
    await resources[Symbol.asyncDispose]();
  });

  /** A server and a client on the two hosts, with folders of their own. */
  async function open(
    name: string,
    owner: ResourceStack,
  ): Promise<{ readonly server: Server; readonly client: Client }> {
    const server = await Server.open(network.host(0), join(folder, name, 'shoal'));
    const client = await Client.open(network.host(1), { folder: join(folder, name, 'client'), server, owner });
    return { server, client };
  }

  test('works as printed over plain HTTP, and survives a restart', async () => {
    await using owner = new ResourceStack();
    const server = await Server.open(network.host(0), join(folder, 'plain', 'shoal'));
    const client = await Client.open(network.host(0), { folder: join(folder, 'plain', 'client'), server, owner });
    let lists: string;
    {
      await using _program = await server.start('plain', 5000);
      lists = await client.type('push and pull');
      const found = await client.docker('search', '--format', '{{.Name}}', 'localhost:5000/busy');
      assert.equal(found, 'team/busybox\n');
    }

    await using _program = await server.start('plain', 5000);
    const again = await client.type('push and pull');

    for (const output of [lists, again]) {
      assert.match(output, /\{"repositories":\["team\/busybox"\]\}/);
      assert.match(output, /\{"name":"team\/busybox","tags":\["v1"\]\}/);
    }
  });

  test('works as printed with a certificate for a name', async () => {
    await using owner = new ResourceStack();
    const { server, client } = await open('name', owner);
    await server.type('certificate');
    await using _program = await server.start('with the certificate', 5000, { tls: true });

    const untrusted = await client.refusalOf('pull', 'registry.example:5000/team/busybox:v1');
    const output = await client.type('docker trusts it');

    assert.match(output, /\{"repositories":\["team\/busybox"\]\}/);
    assert.match(await client.refusalOf('pull', `${server.host.address}:5000/team/busybox:v1`), /x509|certificate/);
    assert.match(untrusted, /x509/);
  });

  test('works as printed with passwords and a certificate', async () => {
    await using owner = new ResourceStack();
    const { server, client } = await open('passwords', owner);
    await server.type('certificate');
    await server.type('password file');
    await using _program = await server.start('with passwords', 5000, { tls: true });
    const image = 'registry.example:5000/team/busybox:v1';
    // Trusts the certificate and names the image; its push is refused, as nobody has logged in yet.
    await assert.rejects(client.type('docker trusts it'), /no basic auth credentials|unauthorized|401/i);
    const wrong = await client.refusalOf(
      'login',
      '--username',
      'testuser',
      '--password',
      'wrong',
      'registry.example:5000',
    );
    const nobody = await client.refusalOf('pull', image);

    const output = await client.type('log in');

    assert.match(wrong, /401|unauthorized/i);
    assert.match(nobody, /no basic auth credentials|unauthorized/i);
    assert.match(output, /Login Succeeded/);
    assert.match(await client.refusalOf('pull', image), /no basic auth credentials|unauthorized/i);
  });

  test('works as printed with a certificate for an address', async () => {
    await using owner = new ResourceStack();
    const { server, client } = await open('address', owner);
    const replaced = { '10.0.0.1': server.host.address };
    await server.type('certificate for an address', replaced);
    await using _program = await server.start('with the certificate', 5000, { tls: true });

    await client.type('docker trusts the address', replaced);
  });

  test('works as printed on port 443, with a certificate that the whole system trusts', async () => {
    await using owner = new ResourceStack();
    const { server, client } = await open('system', owner);
    await server.type('certificate');
    await using _program = await server.start('on port 443', 443, { tls: true });

    await client.type('the system trusts it');
    await client.startDocker();
    const output = await client.type('without a port');

    assert.match(output, /\{"name":"team\/busybox","tags":\["v2"\]\}/);
  });

  test('works as printed with a configuration file', async () => {
    const server = await Server.open(network.host(0), join(folder, 'configuration', 'shoal'));
    await writeFile(join(server.folder, 'config.yml'), tour.text('configuration'));

    await using program = await server.start('with a configuration', 5000);

    assert.match(await program.log(), /this key has no effect/);
  });

  test('works as printed with the data of the container', async () => {
    await using owner = new ResourceStack();
    const host = network.host(0);
    const server = await Server.open(host, join(folder, 'data', 'shoal'));
    const client = await Client.open(host, { folder: join(folder, 'data', 'client'), server, owner });
    {
      await using _original = await ReferenceRegistry.start(host, join(folder, 'data', 'original'));
      await client.type('push and pull');
    }
    await rename(join(folder, 'data', 'original', 'data'), join(server.folder, 'registry-data'));
    await using program = await server.start('plain', 5000);

    const told = await server.type('bring in');

    assert.match(told, /1 repository with 1 tag and 1 image would come over/);
    assert.match(told, /1 image came over, 0 were here; 1 tag set/);
    await client.docker('pull', 'localhost:5000/team/busybox:v1');
    assert.match(
      await program.log(),
      /to bring them in: .*shoal import \S*registry-data --data \S*registry-data\/shoal/,
    );
  });

  /** Makes `alpine:latest` of the upstream an image that says this word. */
  async function publish(word: string, login: readonly string[] = []): Promise<void> {
    const layout = await ImageLayout.create(join(folder, `upstream-${word}`));
    await layout.tag(await addBusyboxImage(layout, { word }), 'v1');
    const target = 'docker://localhost:5000/library/alpine:latest';
    const flags = ['--quiet', '--dest-tls-verify=false', ...login];
    await network.host(1).run(['skopeo', '--insecure-policy', 'copy', ...flags, `oci:${layout.folder}:v1`, target]);
  }

  test('works as printed as a cache: the tag moves upstream, and the upstream goes away', async () => {
    await using owner = new ResourceStack();
    const server = await Server.open(network.host(0), join(folder, 'cache', 'shoal'));
    const client = await Client.open(network.host(0), { folder: join(folder, 'cache', 'client'), server, owner });
    const upstreamFolder = join(folder, 'cache', 'upstream');
    const replaced = { 'https://registry-1.docker.io': `http://${network.host(1).address}:5000` };
    await using program = await server.start('cache', 5000, { tls: false }, replaced);
    await client.type('docker asks the cache');
    await client.startDocker();
    const pulled = async (): Promise<string> => {
      const output = await client.type('pull through the cache');
      assert.match(output, /"tags":\["latest"\]/);
      assert.match(output, /\{"repositories":\["library\/alpine"\]\}/);
      return client.motdOf('alpine:latest');
    };
    {
      await using _upstream = await ReferenceRegistry.start(network.host(1), upstreamFolder);
      await publish('first');
      assert.equal(await pulled(), 'first');
      await publish('second');
      assert.equal(await pulled(), 'second');
      assert.equal(await pulled(), 'second');
    }

    await client.docker('image', 'rm', 'alpine:latest');
    assert.equal(await pulled(), 'second');
    assert.match(await program.log(), /its upstream cannot say/);
  });

  test('works as printed as a cache of an upstream that wants a login', async () => {
    await using owner = new ResourceStack();
    const server = await Server.open(network.host(0), join(folder, 'private', 'shoal'));
    const client = await Client.open(network.host(0), { folder: join(folder, 'private', 'client'), server, owner });
    const options = { htpasswd: HTPASSWD };
    await using _upstream = await ReferenceRegistry.start(
      network.host(1),
      join(folder, 'private', 'upstream'),
      options,
    );
    await publish('private', ['--dest-creds', 'puller:s3cret']);
    const replaced = { 'https://registry-1.docker.io': `http://${network.host(1).address}:5000` };
    await client.type('docker asks the cache');
    await client.startDocker();
    {
      await using _program = await server.start('cache', 5000, { tls: false }, replaced);
      assert.match(await client.refusalOf('pull', 'localhost:5000/library/alpine'), /does not let us in/);
    }

    await using program = await server.start('cache with a login', 5000, { tls: false }, replaced);
    await client.type('pull through the cache');

    assert.equal(await client.motdOf('alpine:latest'), 'private');
    assert.doesNotMatch(await program.log(), /s3cret/);
  });

  test('A docker that expects TLS is told what is wrong when there is none', async () => {
    await using owner = new ResourceStack();
    const { server, client } = await open('insecure', owner);
    await using _program = await server.start('plain', 5000);

    const refusal = await client.refusalOf('pull', 'registry.example:5000/team/busybox:v1');

    assert.match(refusal, /server gave HTTP response to HTTPS client/);
    assert.match(await _program.log(), /a client speaks TLS to the plain HTTP port/);
  });
});
