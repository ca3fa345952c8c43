// A registry with a receiver of notifications and users, as docker meets it.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { addBusyboxImage } from '../support/busybox-image.ts';
import { ChildProgram } from '../support/child-program.ts';
import { Dockerd } from '../support/dockerd.ts';
import { eventually } from '../support/eventually.ts';
import type { ReceivedEvent, ReceivedPost } from '../support/event-receiver.ts';
import { HostNetwork, type NetworkHost } from '../support/host-network.ts';
import { HASH_OF_RIGHT } from '../support/htpasswd.ts';
import { ImageClients } from '../support/image-clients.ts';
import { ImageLayout } from '../support/image-layout.ts';
import { needs } from '../support/needs.ts';
import { shoalCommand, ShoalProgram } from '../support/shoal-program.ts';
import { openTemporaryFolder } from '../support/temporary-folder.ts';

const RECEIVER_PORT = 8080;
const image = 'localhost:5000/team/hello';
const receiverMain = fileURLToPath(new URL('../support/event-receiver-main.ts', import.meta.url));

describe(
  'Notifications, audit and access log',
  needs({ namespaces: true, commands: ['docker', 'dockerd', 'busybox'] }),
  () => {
    const resources = new ResourceStack();
    let folder: string;
    let host: NetworkHost;
    let dockerd: Dockerd;
    let shoal: ShoalProgram;
    let receiver: ChildProgram;

    const startReceiver = async (): Promise<void> => {
      const command = [process.execPath, '--import', import.meta.resolve('tsx'), receiverMain, String(RECEIVER_PORT)];
      const logFile = join(folder, 'receiver.log');
      receiver = await ChildProgram.start({ command, logFile, namespace: host.namespace });
    };
    /** Of lines that are whole: the last may be half written. */
    const received = async (): Promise<readonly ReceivedPost[]> =>
      (await receiver.log())
        .split('\n')
        .slice(0, -1)
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as ReceivedPost);
    const events = async (action: string): Promise<readonly ReceivedEvent[]> =>
      (await received()).map(({ event }) => event).filter((event) => event.action === action);

    before(async () => {
      folder = resources.use(await openTemporaryFolder('notify')).path;
      host = resources.use(await HostNetwork.open({ hosts: 1 })).host(0);
      dockerd = resources.use(await Dockerd.start(host, join(folder, 'docker')));
      await writeFile(join(folder, 'htpasswd'), `alice:${HASH_OF_RIGHT}\n`);
      const config = {
        access: {
          scheme: 'token',
          htpasswd: join(folder, 'htpasswd'),
          grants: ['anonymous pull team/**', 'alice pull,push,delete team/**'],
        },
        registry: { accessLog: true },
        notifications: {
          secret: 'of this test',
          endpoints: [{ name: 'ci', url: `http://127.0.0.1:${RECEIVER_PORT}/events` }],
        },
      };
      await writeFile(join(folder, 'shoal.json'), JSON.stringify(config));
      await startReceiver();
      resources.defer(() => receiver.stop());
      shoal = resources.use(
        await ShoalProgram.start({
          args: ['up', `--data=${join(folder, 'data')}`, `--config=${join(folder, 'shoal.json')}`],
          host,
          logFile: join(folder, 'shoal.log'),
          http: { port: 5000 },
        }),
      );
      const layout = await ImageLayout.create(join(folder, 'layout'));
      await layout.tag(await addBusyboxImage(layout, { word: 'hello' }), 'v1');
      const archive = join(folder, 'image.tar');
      await new ImageClients(host, folder).writeDockerArchive(`oci:${layout.folder}:v1`, archive, `${image}:v1`);
      await dockerd.docker('load', '--quiet', '--input', archive);
      await dockerd.docker('login', '--username', 'alice', '--password', 'right', 'localhost:5000');
    });
    after(() => resources[Symbol.asyncDispose]());

    test('A docker push and a pull without a login are told, with who did them', async () => {
      await dockerd.docker('push', '--quiet', `${image}:v1`);
      await dockerd.docker('logout', 'localhost:5000');
      await dockerd.docker('image', 'rm', `${image}:v1`);
      await dockerd.docker('pull', '--quiet', `${image}:v1`);

      const pushed = await eventually({ what: 'the push of the manifest' }, async () =>
        (await events('push')).find(({ target }) => target.tag === 'v1'),
      );
      const pulled = await eventually({ what: 'the pull of the manifest' }, async () =>
        (await events('pull')).find(
          ({ target, actor }) => target.digest === pushed.target.digest && actor.name === undefined,
        ),
      );
      const blobs = (await events('push')).filter(({ target }) => target.mediaType === 'application/octet-stream');

      assert.equal(pushed.actor.name, 'alice');
      assert.equal(pushed.target.repository, 'team/hello');
      assert.equal(pushed.request.method, 'PUT');
      assert.match(pushed.request.useragent, /^docker\//);
      assert.equal(pushed.target.url, `http://localhost:5000/v2/team/hello/manifests/${pushed.target.digest}`);
      assert.match(pushed.source.addr, /:5000$/);
      assert.ok(blobs.length >= 2, 'config and layer');
      assert.match(pulled.request.useragent, /^docker\//);
      assert.ok((await received()).every(({ headers }) => String(headers['webhook-signature']).startsWith('v1,')));
    });

    test('The audit log and the access log name who pushed', async () => {
      const list = await host.run(shoalCommand(['audit', `--data=${join(folder, 'data')}`]));

      assert.match(list, /alice +push manifest +team\/hello:v1@sha256:/);
      assert.match(await shoal.log(), /- alice \[[^\]]+\] "PUT \/v2\/team\/hello\/manifests\/v1 HTTP\/1\.1" 201/);
      assert.match(await shoal.log(), /- - \[[^\]]+\] "(GET|HEAD) \/v2\/team\/hello\/manifests\/v1 HTTP\/1\.1" 200/);
    });

    test('A push whose receiver is away, and whose registry is then killed, is told when both are back', async () => {
      await receiver.stop();
      await dockerd.docker('login', '--username', 'alice', '--password', 'right', 'localhost:5000');
      await dockerd.docker('tag', `${image}:v1`, `${image}:late`);
      await dockerd.docker('push', '--quiet', `${image}:late`);
      await shoal.kill('SIGKILL');

      await shoal.restart();
      const waiting = await host.run(
        shoalCommand(['notifications', 'list', '--state', 'waiting', `--data=${join(folder, 'data')}`]),
      );
      await startReceiver();

      const late = await eventually({ what: 'the late push', timeoutMs: 90_000 }, async () =>
        (await events('push')).find(({ target }) => target.tag === 'late'),
      );
      assert.match(waiting, /team\/hello:late +waiting/);
      assert.equal(late.actor.name, 'alice');
    });
  },
);
