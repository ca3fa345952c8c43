// `shoal import` while things go wrong: the command is killed, the node stops, the disk fills up, the source changes or is not there.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { text } from 'node:stream/consumers';
import { COMMANDS } from '../../../node/cli/commands.ts';
import { runProgram } from '../../../node/cli/program.ts';
import { CollectionState } from '../../../shared/protocol/collection-api.ts';
import { callCoordinator } from '../../../shared/protocol/coordinator-api.ts';
import { systemClock as clock } from '../../../shared/runtime/clock.ts';
import { dataFolder } from '../../../shared/runtime/data-folder.ts';
import { ComposedFleet, type FleetNode } from '../../support/composed-fleet.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeUpstream } from '../../support/fake-upstream.ts';
import { findFreePorts } from '../../support/free-ports.ts';
import { needs } from '../../support/needs.ts';
import { OldRegistryFolder } from '../../support/old-registry-folder.ts';
import { recordingTerminal } from '../../support/recording-terminal.ts';
import { digestText, RegistryWire } from '../../support/registry-wire.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';
import { shoalCommand } from '../../support/shoal-program.ts';

const MIB = 1024 * 1024;
const IMAGES = 6;
const never = new AbortController().signal;

interface Ran {
  readonly code: number;
  readonly output: string;
  readonly messages: string;
}

describe('shoal import', () => {
  let fleet: ComposedFleet;
  let node: FleetNode;
  let wire: RegistryWire;
  let data: string;
  let name = '';
  let count = 0;
  let nobodysPort = 0;
  let fromNobody: Promise<Ran>;
  before(async () => {
    fleet = await ComposedFleet.start();
    data = join(fleet.folder, 'own');
    await startNode();
    [nobodysPort = 0] = await findFreePorts(1);
    fromNobody = runImport(`http://127.0.0.1:${nobodysPort}`); // is tried for some seconds
  });
  beforeEach(() => {
    count += 1;
    name = `org/app-${count}`;
  });
  after(() => fleet[Symbol.asyncDispose]());

  async function startNode(): Promise<void> {
    node = await fleet.startOwnNode();
    wire = new RegistryWire(node.baseUrl);
  }

  /** An old registry that no other test uses. */
  const openFolder = (): OldRegistryFolder => new OldRegistryFolder(join(fleet.folder, `old-${count}`));

  async function runImport(from: string, ...args: readonly string[]): Promise<Ran> {
    const terminal = recordingTerminal();
    const typed = [
      'import',
      from,
      ...(args.some((arg) => arg.startsWith('--data=')) ? [] : [`--data=${data}`]),
      ...args,
    ];
    const code = await runProgram(COMMANDS, { args: typed, terminal, stop: never });
    return { code, output: terminal.output, messages: terminal.messages };
  }

  /** Differs from test to test. */
  const layerOf = (index: number): Buffer => Buffer.concat([...seededBytes(`${name} ${index}`, 300_000)]);

  /** Every image with its layer, as a client gets it. */
  async function assertWhole(tag: string, layer: string | Buffer): Promise<void> {
    const manifest = await wire.send('GET', `/v2/${name}/manifests/${tag}`);
    assert.equal(manifest.status, 200, `${name}:${tag}`);
    const blob = await wire.send('GET', `/v2/${name}/blobs/${digestText(layer)}`);
    assert.ok(blob.body.equals(Buffer.from(layer)), `${name}:${tag}`);
  }

  /** Holds the body of one layer back in its middle. @returns settles when that was asked for. */
  function stallAt(upstream: FakeUpstream, layer: Buffer): Promise<void> {
    return new Promise((resolve) => {
      upstream.intercept = ({ method, url }, response) => {
        if (method !== 'GET' || url?.includes(digestText(layer)) !== true) return false;
        response.writeHead(200, { 'content-length': layer.length }).write(layer.subarray(0, layer.length / 2));
        resolve();
        return true;
      };
    });
  }

  function holdImages(upstream: FakeUpstream): void {
    for (let index = 0; index < IMAGES; index += 1) upstream.hold(name, `v${index}`, layerOf(index));
  }

  test('that was killed in the middle of a layer goes on with it, and brings nothing twice', async () => {
    await using upstream = await FakeUpstream.start();
    holdImages(upstream);
    const stalled = stallAt(upstream, layerOf(3));
    const args = ['import', upstream.url, `--data=${data}`, `--only=${name}`, '--jobs=1'];
    const [program = '', ...rest] = shoalCommand(args);
    const command = spawn(program, rest, { stdio: 'ignore' });
    const exited = new Promise((resolve) => command.once('exit', resolve));

    await stalled;
    command.kill('SIGKILL');
    await exited;
    const { tags } = (await wire.json(`/v2/${name}/tags/list`)) as { tags: string[] };
    await eventually({ what: 'the half layer to be thrown away' }, async () => {
      const store = dataFolder(data).store;
      const left = await Promise.all(
        ['uploads', 'importing'].map((below) => readdir(join(store, below)).catch(() => [])),
      );
      return left.flat().length === 0;
    });
    upstream.intercept = () => false;
    upstream.requests.length = 0;
    const second = await runImport(upstream.url, `--only=${name}`);
    const fetched = upstream.requests.filter((line) => line.startsWith('GET') && line.includes('/blobs/')).length;
    const third = await runImport(upstream.url, `--only=${name}`);

    assert.ok(tags.length > 0 && tags.length < IMAGES, tags.join(' '));
    assert.equal(second.code, 0, second.messages);
    assert.match(second.output, new RegExp(`${IMAGES - tags.length} images came over, ${tags.length} were here`));
    assert.equal(fetched, IMAGES - tags.length);
    assert.match(third.output, new RegExp(`0 images came over, ${IMAGES} were here`));
    for (let index = 0; index < IMAGES; index += 1) await assertWhole(`v${index}`, layerOf(index));
  });

  test('whose node stops says so, and goes on when the node is back', async () => {
    await using upstream = await FakeUpstream.start();
    holdImages(upstream);
    const stalled = stallAt(upstream, layerOf(3));
    const importing = runImport(upstream.url, `--only=${name}`, '--jobs=1');
    await stalled;

    await node[Symbol.asyncDispose]();
    const broken = await importing;
    upstream.intercept = () => false;
    await startNode();
    const second = await runImport(upstream.url, `--only=${name}`);

    assert.equal(broken.code, 3, broken.messages);
    assert.match(broken.messages, /Run the same again to go on where this ended/);
    assert.match(broken.messages, /node/);
    assert.equal(second.code, 0, second.messages);
    for (let index = 0; index < IMAGES; index += 1) await assertWhole(`v${index}`, layerOf(index));
  });

  test('whose folder is written to meanwhile brings what was whole, and the rest with the next run', async () => {
    const old = openFolder();
    for (let index = 0; index < 20; index += 1) await old.addImage(name, [`v${index}`], `layer ${index} of ${name}`);
    const moved = await old.addImage(name, [], `${name} moves here`);
    // What a registry leaves that is killed while it writes a link.
    await old.addImage(name, ['half'], `half of ${name}`);
    await writeFile(old.repository(name, '_manifests/tags/half/current/link'), '');

    const importing = runImport(old.root, '--jobs=2');
    for (let index = 20; index < 40; index += 1) await old.addImage(name, [`v${index}`], `layer ${index} of ${name}`);
    await old.addTag(name, 'v0', moved.digest);
    await rm(old.dataOf(digestText(`layer 7 of ${name}`)), { force: true });
    const first = await importing;
    await old.addImage(name, ['half'], `half of ${name}`);
    await old.addImage(name, ['v7'], `layer 7 of ${name}`);
    const second = await runImport(old.root, '--tags=move');

    assert.equal(first.code, 1);
    assert.match(first.messages, new RegExp(`${name}: the tag half leads nowhere: its link is damaged`));
    // Of the rest only what was taken away, or was half there, may be named.
    const named = first.messages.split('\n').filter((line) => line.startsWith(`${name}:`));
    for (const line of named) assert.match(line, /:v7:|tag half|:v[23]\d:|tag v[23]\d /);
    assert.equal(second.code, 0, second.messages);
    for (let index = 1; index < 40; index += 1) await assertWhole(`v${index}`, `layer ${index} of ${name}`);
    await assertWhole('v0', `${name} moves here`);
    await assertWhole('half', `half of ${name}`);
  });

  test('loses nothing to collections that run meanwhile, untagged manifests included', async () => {
    const old = openFolder();
    for (let index = 0; index < 30; index += 1) await old.addImage(name, [`v${index}`], `layer ${index} of ${name}`);
    let isOver = false;

    const importing = runImport(old.root, '--jobs=2').finally(() => (isOver = true));
    let collections = 0;
    while (!isOver) {
      await collect(fleet);
      collections += 1;
    }
    const { code, messages } = await importing;
    await collect(fleet);

    assert.equal(code, 0, messages);
    assert.ok(collections > 0);
    for (let index = 0; index < 30; index += 1) await assertWhole(`v${index}`, `layer ${index} of ${name}`);
  });

  test('says that nothing answers at an address, and how to write one', async () => {
    const unreachable = await fromNobody;
    const noUrl = await runImport('ftp://old.example/');
    const noScheme = await runImport('old.example:5000');

    assert.equal(unreachable.code, 3, unreachable.messages);
    assert.match(unreachable.messages, new RegExp(`127\\.0\\.0\\.1:${nobodysPort}`));
    assert.match(unreachable.messages, /Nothing came over/);
    assert.equal(unreachable.output, '');
    assert.equal(noUrl.code, 2);
    assert.match(noUrl.messages, /no URL like https:/);
    assert.equal(noScheme.code, 2);
    assert.match(
      noScheme.messages,
      /is not there.* write http:\/\/old\.example:5000 or https:\/\/old\.example:5000 for/,
    );
  });

  test('says what it may not read, and that the node is not its own', needs({ root: true }), async () => {
    const old = openFolder();
    await old.addImage(name, ['v1'], 'x');
    const asNobody = async (from: string): Promise<Ran> => {
      const [program = '', ...args] = shoalCommand(['import', from, `--data=${data}`]);
      const child = spawn(program, args, { uid: 65_534, gid: 65_534, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
      const exited = new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? -1)));
      const [output, messages] = await Promise.all([text(child.stdout), text(child.stderr)]);
      return { code: await exited, output, messages };
    };
    await chmod(fleet.folder, 0o755);

    const othersNode = await asNobody(old.root);
    await chmod(old.root, 0o700);
    const othersFolder = await asNobody(old.root);

    assert.equal(othersFolder.code, 1, othersFolder.messages);
    assert.match(othersFolder.messages, /this user may not read .*; run this as root, or as who runs that registry/);
    assert.equal(othersNode.code, 1, othersNode.messages);
    assert.match(othersNode.messages, /is another user's; run this as the user that the node runs as/);
  });

  test(
    'into a full disk says so and leaves the node well',
    needs({ root: true, commands: ['mount', 'umount'] }),
    async () => {
      await using small = await ComposedFleet.start();
      const disk = join(small.folder, 'own');
      await mkdir(disk, { recursive: true });
      assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24M', 'tmpfs', disk]).status, 0);
      try {
        await using full = await small.startOwnNode({ store: { reserveBytes: 0 } });
        const old = openFolder();
        await old.addImage(name, ['small'], 'small');
        await old.addImage(name, ['vast'], Buffer.alloc(40 * MIB, 'x'));

        const { code, messages } = await runImport(old.root, `--data=${disk}`, '--mode=copy');

        assert.equal(code, 1, messages);
        assert.match(messages, /space/);
        await new RegistryWire(full.baseUrl).pushImage('team/app', 'v1', Buffer.from('there is room for this'));
        const importing = await readdir(join(dataFolder(disk).store, 'importing')).catch(() => []);
        assert.deepEqual(importing, []);
      } finally {
        spawnSync('umount', [disk]);
      }
    },
  );
});

/** Runs one pass over everything, with nothing but the grace of pushes to keep it from what just came. */
async function collect(fleet: ComposedFleet): Promise<void> {
  const call = (method: 'GET' | 'POST'): Promise<CollectionState> => {
    const body = method === 'GET' ? {} : { body: { isDryRun: false, deleteUntagged: true } };
    const request = { method, path: '/api/collection', answer: CollectionState, ...body };
    return callCoordinator({ clock }, fleet.admin, request, never);
  };
  const { passNumber } = await call('POST');
  await eventually({ what: 'the pass to end', intervalMs: 5 }, async () => {
    const state = await call('GET');
    return state.passNumber !== passNumber || !state.isRunning;
  });
}
