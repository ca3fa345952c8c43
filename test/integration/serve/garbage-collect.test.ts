// `registry garbage-collect CONFIG`: with the registry that runs on it, without one, and beside one that cannot be asked.

import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { REGISTRY_COMMANDS } from '../../../node/cli/commands.ts';
import { runProgram } from '../../../node/cli/program.ts';
import { eventually } from '../../support/eventually.ts';
import { findFreePorts } from '../../support/free-ports.ts';
import { recordingTerminal } from '../../support/recording-terminal.ts';
import { RegistryWire } from '../../support/registry-wire.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

interface Place {
  readonly folder: string;
  readonly config: string;
  readonly wire: RegistryWire;
}

async function open(folder: string): Promise<Place> {
  const [port = 0] = await findFreePorts(1);
  const config = join(folder, 'config.yml');
  const storage = `storage: {filesystem: {rootdirectory: ${join(folder, 'root')}}, delete: {enabled: true}}`;
  await writeFile(
    config,
    `version: 0.1\nlog: {accesslog: {disabled: true}}\n${storage}\nhttp: {addr: "127.0.0.1:${port}"}\n`,
  );
  return { folder, config, wire: new RegistryWire(`http://127.0.0.1:${port}`) };
}

async function serve({ config, wire }: Place): Promise<AsyncDisposable> {
  const terminal = recordingTerminal({ environment: { SHOAL_LOG_LEVEL: 'silent', SHOAL_REGISTRY_URLS: 'relative' } });
  const stop = new AbortController();
  const ended = runProgram(REGISTRY_COMMANDS, { args: ['serve', config], terminal, stop: stop.signal });
  const failed = new AbortController();
  void ended.then(() => failed.abort(new Error(terminal.messages)));
  await eventually({ what: 'registry serve', signal: failed.signal }, async () => {
    const { status } = await wire.send('GET', '/readyz');
    return status === 200;
  });
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      assert.equal(await ended, 0);
    },
  };
}

async function collect(
  { config }: Place,
  ...flags: readonly string[]
): Promise<{ code: number; output: string; messages: string }> {
  const terminal = recordingTerminal();
  const args = ['garbage-collect', ...flags, config];
  const code = await runProgram(REGISTRY_COMMANDS, {
    name: 'registry',
    args,
    terminal,
    stop: new AbortController().signal,
  });
  return { code, output: terminal.output, messages: terminal.messages };
}

describe('registry garbage-collect', () => {
  test('asks the registry that runs, and prints what the original prints', async () => {
    await using folder = await openTemporaryFolder('gc');
    const place = await open(folder.path);
    await using _serving = await serve(place);
    const gone = await place.wire.pushImage('team/app', 'gone', Buffer.from('gone'));
    const kept = await place.wire.pushImage('team/app', 'kept', Buffer.from('kept'));
    await place.wire.send('DELETE', `/v2/team/app/manifests/${gone.digest}`);

    const tried = await collect(place, '-d');
    const still = await place.wire.send('HEAD', `/v2/team/app/blobs/${gone.layer}`);
    const done = await collect(place, '--dry-run=false');

    assert.deepEqual([tried.code, done.code], [0, 0], tried.messages + done.messages);
    assert.equal(still.status, 200);
    const lines = done.output.split('\n');
    assert.deepEqual(lines.slice(0, 2), ['team/app', `team/app: marking manifest ${kept.digest} `]);
    assert.ok(lines.includes(`team/app: marking blob ${kept.layer}`));
    assert.deepEqual(lines.slice(-4), [
      '',
      '3 blobs marked, 1 blobs and 0 manifests eligible for deletion',
      `blob eligible for deletion: ${gone.layer}`,
      '',
    ]);
    assert.equal(tried.output, done.output);
    assert.equal((await place.wire.send('HEAD', `/v2/team/app/blobs/${gone.layer}`)).status, 404);
  });

  test('does it alone where no registry runs, also for untagged manifests, and says only numbers when it is to be quiet', async () => {
    await using folder = await openTemporaryFolder('gc');
    const place = await open(folder.path);
    assert.match((await collect(place)).messages, /nothing was pushed yet/);
    let first: { digest: string };
    {
      await using _serving = await serve(place);
      first = await place.wire.pushImage('team/app', 'latest', Buffer.from('first'));
      await place.wire.pushImage('team/app', 'latest', Buffer.from('second'));
    }

    const { code, output, messages } = await collect(place, '-qm');

    assert.equal(code, 0, messages);
    assert.equal(output, '\n3 blobs marked, 1 blobs and 1 manifests eligible for deletion\n');
    assert.match(messages, /no registry runs on this configuration/);
    assert.match(messages, /every host has deleted its files/);
    await using _serving = await serve(place);
    assert.equal((await place.wire.send('GET', `/v2/team/app/manifests/${first.digest}`)).status, 404);
    assert.equal((await place.wire.send('GET', '/v2/team/app/manifests/latest')).status, 200);
  });

  test('touches nothing beside a registry that it cannot ask, and says where to run it', async () => {
    await using folder = await openTemporaryFolder('gc');
    const place = await open(folder.path);
    await using _serving = await serve(place);
    // As in another container with the same volume, where its loopback address is not that of the registry.
    await rm(join(folder.path, 'root/shoal/admin.json'));

    const { code, messages } = await collect(place);

    assert.equal(code, 2);
    assert.match(messages, /docker exec CONTAINER registry garbage-collect CONFIG/);
    assert.equal((await place.wire.send('GET', '/v2/')).status, 200);
  });
});
