// `shoal import FOLDER` into a real node with its real coordinator: what is there afterwards, and what of the folder is not.

import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { callCoordinator } from '../../../shared/protocol/coordinator-api.ts';
import { COMMANDS } from '../../../node/cli/commands.ts';
import { runProgram } from '../../../node/cli/program.ts';
import { AuditPage } from '../../../shared/protocol/audit-api.ts';
import { ADMINISTRATOR } from '../../../shared/protocol/requester.ts';
import { systemClock as clock } from '../../../shared/runtime/clock.ts';
import { dataFolder } from '../../../shared/runtime/data-folder.ts';
import { ComposedFleet, type FleetNode } from '../../support/composed-fleet.ts';
import { OldRegistryFolder } from '../../support/old-registry-folder.ts';
import { recordingTerminal } from '../../support/recording-terminal.ts';
import { digestText, emptyIndex, emptyManifest, OCI_MANIFEST, RegistryWire } from '../../support/registry-wire.ts';
import { openTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';

const MIB = 1024 * 1024;

interface Ran {
  readonly code: number;
  readonly output: string;
  readonly messages: string;
}

describe('shoal import FOLDER', () => {
  let fleet: ComposedFleet;
  let node: FleetNode;
  let wire: RegistryWire;
  let folder: TemporaryFolder;
  let count = 0;

  before(async () => {
    fleet = await ComposedFleet.start();
    node = await fleet.startOwnNode();
    wire = new RegistryWire(node.baseUrl);
    folder = await openTemporaryFolder('import');
  });

  after(async () => {
    await node[Symbol.asyncDispose]();
    await fleet[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** An old registry, and a name for a repository that no other test uses. */
  function open(): { readonly old: OldRegistryFolder; readonly name: string } {
    count += 1;
    return { old: new OldRegistryFolder(join(folder.path, `old-${count}`)), name: `team/app-${count}` };
  }

  async function runImport(old: OldRegistryFolder, ...args: readonly string[]): Promise<Ran> {
    const terminal = recordingTerminal();
    const typed = ['import', old.root, `--data=${join(fleet.folder, 'own')}`, ...args];
    const code = await runProgram(COMMANDS, { args: typed, terminal, stop: new AbortController().signal });
    return { code, output: terminal.output, messages: terminal.messages };
  }

  async function storedInode(digest: string): Promise<number> {
    const hex = digest.split(':')[1] ?? '';
    const path = join(dataFolder(join(fleet.folder, 'own')).store, 'blobs/sha256', hex.slice(0, 2), hex);
    return (await stat(path)).ino;
  }

  test('brings images with their tags as second names of the same files, and no second time', async () => {
    const { old, name } = open();
    const large = Buffer.alloc(3 * MIB, 'x');
    const image = await old.addImage(name, ['v1', 'latest'], large);
    const child = await old.addImage(name, [], 'a child');
    const index = await old.addManifest(
      name,
      emptyIndex({ manifests: [{ mediaType: OCI_MANIFEST, digest: child.digest, size: 1 }] }),
      ['multi'],
    );

    const first = await runImport(old);
    const second = await runImport(old);

    assert.deepEqual([first.code, second.code], [0, 0], first.messages + second.messages);
    for (const [tag, digest] of [
      ['v1', image.digest],
      ['latest', image.digest],
      ['multi', index],
    ] as const) {
      const answer = await wire.send('HEAD', `/v2/${name}/manifests/${tag}`);
      assert.equal(answer.headers['docker-content-digest'], digest);
    }
    const blob = await wire.send('GET', `/v2/${name}/blobs/${image.layer}`);
    assert.deepEqual(blob.body, large);
    assert.equal((await wire.send('GET', `/v2/${name}/manifests/${child.digest}`)).status, 200);
    assert.equal(await storedInode(image.layer), (await stat(old.dataOf(image.layer))).ino);
    assert.match(first.output, /3 images came over, 0 were here; 3 tags set/);
    assert.match(second.output, /0 images came over, 3 were here; 0 tags set, 3 were here/);
    const call = { method: 'GET', path: '/api/audit', answer: AuditPage } as const;
    const { entries } = await callCoordinator({ clock }, fleet.admin, call, new AbortController().signal);
    const imported = entries.filter(({ repository }) => repository === name);
    assert.deepEqual(imported.map(({ tag, digest }) => `${tag} ${digest}`).toSorted(), [
      `latest ${image.digest}`,
      `multi ${index}`,
      `undefined ${child.digest}`,
      `v1 ${image.digest}`,
    ]);
    for (const { action, kind, user, userAgent, nodeId } of imported) {
      assert.deepEqual([action, kind, user], ['import', 'manifest', ADMINISTRATOR]);
      assert.match(userAgent, /^shoal\/\S+ \(.+\)$/);
      assert.equal(nodeId, node.running.nodeId);
    }
  });

  test('copies where that is asked for, and leaves the mode and the bytes of the old files alone', async () => {
    const { old, name } = open();
    const { layer } = await old.addImage(name, ['v1'], 'to be copied');
    await chmod(old.dataOf(layer), 0o640);

    assert.equal((await runImport(old, '--mode=copy')).code, 0);

    const before_ = await stat(old.dataOf(layer));
    assert.notEqual(await storedInode(layer), before_.ino);
    assert.equal(before_.mode & 0o777, 0o640);
    assert.equal(before_.nlink, 1);
    assert.deepEqual(await readdir(join(dataFolder(join(fleet.folder, 'own')).store, 'importing')), []);
  });

  test('leaves a tag that moved on here, unless it is told to move it', async () => {
    const { old, name } = open();
    const image = await old.addImage(name, ['latest', 'v1'], 'old');
    const newer = await wire.pushImage(name, 'latest', Buffer.from('newer'));
    const latest = async (): Promise<unknown> =>
      (await wire.send('HEAD', `/v2/${name}/manifests/latest`)).headers['docker-content-digest'];

    const kept = await runImport(old);
    assert.equal(await latest(), newer.digest);
    await runImport(old, '--tags=move');

    assert.equal(await latest(), image.digest);
    assert.match(kept.output, /1 tag left where it points here/);
  });

  test('names what is damaged and brings the rest', async () => {
    const { old, name } = open();
    const whole = await old.addImage(name, ['whole'], 'whole');
    const short = await old.addImage(name, ['short'], Buffer.alloc(MIB, 's'));
    await truncate(old.dataOf(short.layer), 1000);
    const gone = await old.addImage(name, ['gone'], 'its bytes are gone');
    await rm(old.dataOf(gone.layer));
    await old.addTag(name, 'empty', whole.digest);
    await writeFile(old.repository(name, '_manifests/tags/empty/current/link'), '');
    const deleted = await old.addImage(name, ['deleted'], 'deleted');
    await rm(old.repository(name, '_manifests/revisions', ...deleted.digest.split(':'), 'link'));
    await old.addManifest(name, { schemaVersion: 1, name, fsLayers: [] }, ['schema1']);
    await old.addManifest(
      name,
      emptyIndex({ manifests: [{ mediaType: OCI_MANIFEST, digest: short.digest, size: 1 }] }),
      ['of-short'],
    );

    const { code, messages, output } = await runImport(old);

    assert.equal(code, 1);
    for (const problem of [
      /:short: the file is damaged/,
      /:gone: the bytes of the blob sha256:\w+ are gone/,
      /the tag empty leads nowhere: its link is damaged/,
      /:deleted: the manifest sha256:\w+ was deleted/,
      /:schema1: /,
      /:of-short: names an image sha256:\w+, which did not come over/,
    ])
      assert.match(messages, problem);
    assert.match(output, /6 problems, named above/);
    assert.deepEqual(await wire.json(`/v2/${name}/tags/list`), { name, tags: ['whole'] });
  });

  test('gives a repository no blob that only another one holds, here or there', async () => {
    const { old, name } = open();
    const secret = await old.addImage(`${name}/secret`, ['v1'], 'secret');
    const config = { mediaType: 'application/x', digest: await old.addBlob(`${name}/thief`, '{}'), size: 2 };
    const layers = [{ mediaType: 'application/x', digest: secret.layer, size: 6 }];
    await old.addManifest(`${name}/thief`, emptyManifest({ config, layers }), ['v1']);

    const { code, messages } = await runImport(old);

    assert.equal(code, 1);
    assert.match(messages, /thief:v1: the repository does not hold the blob/);
    assert.equal((await wire.send('HEAD', `/v2/${name}/thief/blobs/${secret.layer}`)).status, 404);
  });

  test('brings what was pushed under sha512, referrers, and build caches whose index names blobs', async () => {
    const { old, name } = open();
    const image = await old.addImage(name, ['v1'], 'image');
    const layer = await old.addBlob(name, 'by sha512', { algorithm: 'sha512' });
    const config = { mediaType: 'application/x', digest: await old.addBlob(name, '{}'), size: 2 };
    const layers = [{ mediaType: 'application/x', digest: layer, size: 9 }];
    const subject = { mediaType: OCI_MANIFEST, digest: image.digest, size: 1 };
    const signature = await old.addManifest(name, emptyManifest({ config, layers, subject, artifactType: 'a/sig' }));
    const cached = {
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest: await old.addBlob(name, 'c'),
      size: 1,
    };
    await old.addManifest(name, emptyIndex({ manifests: [cached] }), ['cache']);

    const { code, messages } = await runImport(old);

    assert.equal(code, 0, messages);
    const { manifests } = (await wire.json(`/v2/${name}/referrers/${image.digest}`)) as { manifests: object[] };
    assert.deepEqual(
      manifests.map((one) => ({ ...one })),
      [
        {
          mediaType: OCI_MANIFEST,
          digest: signature,
          size: manifests[0] && (manifests[0] as { size: number }).size,
          artifactType: 'a/sig',
        },
      ],
    );
    assert.equal((await wire.send('GET', `/v2/${name}/blobs/${layer}`)).body.toString(), 'by sha512');
    assert.equal((await wire.send('GET', `/v2/${name}/manifests/cache`)).status, 200);
  });

  test('does not follow symbolic links out of the folder, and takes no file for a blob that is none', async () => {
    const { old, name } = open();
    const secret = join(folder.path, 'secret');
    await writeFile(secret, 'a file of this host');
    const digest = digestText('a file of this host');
    const linked = await old.addImage(name, ['linked'], 'a file of this host');
    await rm(old.dataOf(linked.layer));
    await symlink(secret, old.dataOf(digest));
    await old.addImage(name, ['folder'], 'a folder');
    await rm(old.dataOf(digestText('a folder')));
    await mkdir(old.dataOf(digestText('a folder')));
    await symlink(dirname(old.repository(name)), old.repository(`${name}/loop`));

    const { code, messages } = await runImport(old);

    assert.equal(code, 1);
    assert.match(messages, /loop is a symbolic link, and not followed/);
    assert.match(messages, /:linked: .* is not an ordinary file/);
    assert.match(messages, /:folder: .* is not an ordinary file/);
    assert.equal((await wire.send('HEAD', `/v2/${name}/blobs/${digest}`)).status, 404);
  });

  test('says in a dry run what would come and brings nothing, also to a node that does not run', async () => {
    const { old, name } = open();
    await old.addImage(name, ['v1', 'v2'], Buffer.alloc(2 * MIB));
    await old.addImage(`${name}/other`, ['v1'], Buffer.alloc(2 * MIB));

    const all = await runImport(old, '--dry-run');
    const some = await runImport(old, '--dry-run', `--only=team/*`, '--json');

    assert.equal(all.code, 0);
    assert.match(all.output, /2 repositories with 3 tags and 2 images would come over: 2\.0 MiB in 2 blobs/);
    const told = JSON.parse(some.output) as { repositories: number; bytes: number };
    assert.deepEqual([told.repositories, told.bytes], [1, 2 * MIB + 2]);
    assert.equal((await wire.send('GET', `/v2/${name}/tags/list`)).status, 404);
  });

  test('goes on where it was stopped', async () => {
    const { old, name } = open();
    for (let at = 0; at < 20; at += 1) await old.addImage(name, [`v${at}`], `layer ${at}`);
    const damaged = old.dataOf(digestText('layer 10'));
    await writeFile(damaged, 'layer XX');
    const stop = new AbortController();
    // A problem is told when it is met, which is somewhere on the way.
    const stopping = { ...recordingTerminal(), out: () => undefined, say: () => stop.abort(new Error('stopped')) };
    const typed = ['import', old.root, `--data=${join(fleet.folder, 'own')}`, '--jobs=1'];

    assert.equal(await runProgram(COMMANDS, { args: typed, terminal: stopping, stop: stop.signal }), 1);
    const listed = await wire.send('GET', `/v2/${name}/tags/list`);
    const { tags = [] } = JSON.parse(listed.body.toString()) as { tags?: string[] };
    await writeFile(damaged, 'layer 10');
    const rest = await runImport(old);

    assert.ok(tags.length < 20, `${tags.length} tags were there`);
    assert.equal(rest.code, 0, rest.messages);
    assert.match(rest.output, new RegExp(`${20 - tags.length} images? came over, ${tags.length} were here`));
  });

  test('says what to do when it is given another folder, or no node runs', async () => {
    const { old, name } = open();
    await old.addImage(name, ['v1'], 'x');
    const terminal = recordingTerminal();
    const signal = new AbortController().signal;
    const none = ['import', old.root, `--data=${join(folder.path, 'nobody')}`];

    const wrong = await runImport(new OldRegistryFolder(dirname(folder.path)));
    const code = await runProgram(COMMANDS, { args: none, terminal, stop: signal });

    assert.equal(wrong.code, 2);
    assert.match(wrong.messages, /is not the storage of a registry: it has no docker\/registry\/v2/);
    assert.equal(code, 3);
    assert.match(terminal.messages, /no node runs with this data folder\. Start it/);
  });
});
