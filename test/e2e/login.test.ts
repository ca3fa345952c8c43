// A registry with users, as docker and skopeo meet it: everybody pulls what is public, who logged in pushes.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { addBusyboxImage } from '../support/busybox-image.ts';
import { Dockerd } from '../support/dockerd.ts';
import { HostNetwork, type NetworkHost } from '../support/host-network.ts';
import { ImageClients } from '../support/image-clients.ts';
import { ImageLayout } from '../support/image-layout.ts';
import { needs } from '../support/needs.ts';
import { tryCommand } from '../support/run-command.ts';
import { ShoalProgram } from '../support/shoal-program.ts';
import { openTemporaryFolder } from '../support/temporary-folder.ts';

/** bcrypt of `right`. */
const HASH = '$2b$04$z/pcNe57nxk.3bsXna338OJlzoLmDp1TN5PxyO.UqLd3mfXOUcfze';
const image = 'localhost:5000/public/hello:v1';

describe(
  'A registry with users',
  needs({ namespaces: true, commands: ['docker', 'dockerd', 'podman', 'skopeo', 'busybox'] }),
  () => {
    const resources = new ResourceStack();
    let folder: string;
    let host: NetworkHost;
    let dockerd: Dockerd;
    const start = async (access: object): Promise<ShoalProgram> => {
      const config = join(folder, `shoal-${Math.random().toString(36).slice(2)}.json`);
      await writeFile(config, JSON.stringify({ access: { htpasswd: join(folder, 'htpasswd'), ...access } }));
      const args = ['up', `--data=${join(folder, 'data')}`, `--config=${config}`];
      return ShoalProgram.start({ args, host, logFile: join(folder, 'shoal.log'), http: { port: 5000 } });
    };
    const skopeo = (...args: string[]) => tryCommand(['skopeo', ...args], { namespace: host.namespace });

    before(async () => {
      folder = resources.use(await openTemporaryFolder('login')).path;
      host = resources.use(await HostNetwork.open({ hosts: 1 })).host(0);
      dockerd = resources.use(await Dockerd.start(host, join(folder, 'docker')));
      await writeFile(join(folder, 'htpasswd'), `alice:${HASH}\n`);
      const layout = await ImageLayout.create(join(folder, 'layout'));
      await layout.tag(await addBusyboxImage(layout, { word: 'hello' }), 'v1');
      const archive = join(folder, 'image.tar');
      await new ImageClients(host, folder).writeDockerArchive(`oci:${layout.folder}:v1`, archive, image);
      await dockerd.docker('load', '--quiet', '--input', archive);
    });
    after(() => resources[Symbol.asyncDispose]());

    const login = (password: string) =>
      dockerd.tryDocker('login', '--username', 'alice', '--password', password, 'localhost:5000');

    test('With passwords, docker login tells right from wrong, and only then pushes and pulls', async () => {
      await using _program = await start({ scheme: 'basic' });
      assert.notEqual((await dockerd.tryDocker('push', '--quiet', image)).code, 0);
      const wrong = await login('wrong');
      assert.notEqual(wrong.code, 0);
      assert.match(wrong.stderr, /401|unauthorized/i);

      const right = await login('right');
      assert.equal(right.code, 0, right.stderr);
      await dockerd.docker('push', '--quiet', image);
      await dockerd.docker('pull', '--quiet', image);
      await dockerd.docker('logout', 'localhost:5000');
      assert.notEqual((await dockerd.tryDocker('pull', '--quiet', image)).code, 0);
    });

    test('With tokens, everybody pulls what is public and only who logged in pushes', async () => {
      await using _program = await start({
        scheme: 'token',
        grants: ['anonymous pull public/**', 'alice pull,push public/**'],
      });
      const wrong = await login('wrong');
      assert.notEqual(wrong.code, 0);
      assert.notEqual((await dockerd.tryDocker('push', '--quiet', image)).code, 0);
      assert.equal((await login('right')).code, 0);
      await dockerd.docker('push', '--quiet', image);
      await dockerd.docker('logout', 'localhost:5000');

      await dockerd.docker('image', 'rm', image);
      await dockerd.docker('pull', '--quiet', image);
      const source = ['--src-tls-verify=false', `docker://${image}`];
      const pulled = await skopeo('copy', ...source, `dir:${join(folder, 'pulled')}`);
      assert.equal(pulled.code, 0, pulled.stderr);
      const target = `docker://${image}-2`;
      const anonymous = await skopeo('copy', '--dest-tls-verify=false', ...source, target);
      assert.notEqual(anonymous.code, 0);
      const pushed = await skopeo('copy', '--dest-tls-verify=false', '--dest-creds=alice:right', ...source, target);
      assert.equal(pushed.code, 0, pushed.stderr);

      const podman = new ImageClients(host, folder);
      await assert.rejects(podman.podmanCopy(image, `${image}-3`), /unauthorized|authentication required|denied/i);
      await podman.podmanCopy(image, `${image}-3`, '--creds', 'alice:right');
      await podman.podmanPull(`${image}-3`);
    });

    test('With users of the fleet, docker logs in as one, and a robot pushes', async () => {
      await using _program = await start({ htpasswd: undefined, scheme: 'token' });
      const shoal = (...args: string[]) =>
        tryCommand(['scripts/shoal', ...args, '--data', join(folder, 'data')], { namespace: host.namespace });
      await shoal('user', 'grant', 'anonymous', 'pull', 'public/**');
      const robot = await shoal('robot', 'create', 'ci', 'pull,push', 'public/**', '--ttl', '1h');
      assert.equal(robot.code, 0, robot.stderr);
      const loginAs = (password: string) =>
        dockerd.tryDocker('login', '--username', 'ci', '--password', password, 'localhost:5000');
      assert.notEqual((await loginAs('wrong-password')).code, 0);
      const right = await loginAs(robot.stdout.trim());
      assert.equal(right.code, 0, right.stderr);
      await dockerd.docker('push', '--quiet', image);
      await dockerd.docker('logout', 'localhost:5000');
      await dockerd.docker('pull', '--quiet', image);

      assert.equal((await shoal('robot', 'revoke', 'ci')).code, 0);

      assert.notEqual((await loginAs(robot.stdout.trim())).code, 0);
    });
  },
);
