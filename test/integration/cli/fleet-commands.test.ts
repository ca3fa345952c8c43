// The commands with each other, over real sockets and folders, in the process of the test.

import assert from 'node:assert/strict';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FleetStatus } from '../../../shared/protocol/admin-api.ts';
import type { AccessPolicy } from '../../../node/registry/access.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { shoal, shoalWith, startShoal, type Ran } from '../../support/command-line.ts';
import { listenRegistry } from '../../support/registry-listener.ts';
import { eventually } from '../../support/eventually.ts';
import { RegistryWire } from '../../support/registry-wire.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

async function fleetOf(data: string): Promise<FleetStatus> {
  const { output, messages } = await shoal('status', '--json', '--data', data);
  assert.equal(messages, '');
  return JSON.parse(output) as FleetStatus;
}

async function addressOf(data: string): Promise<string> {
  const { readAdminAccess } = await import('../../../shared/identity/admin-access.ts');
  const { silentLogger } = await import('../../../shared/runtime/log.ts');
  return (await readAdminAccess(join(data, 'admin.json'), silentLogger))?.address ?? '';
}

test('up needs nothing, says what to type next, and is the same node of the same fleet when started again', async () => {
  await using folder = await openTemporaryFolder('cli');
  const data = join(folder.path, 'data');
  const seen: FleetStatus[] = [];
  for (let start = 0; start < 2; start += 1) {
    await using up = await startShoal('up', '--data', data);
    assert.match(up.terminal.output, /docker push localhost:\d+\/IMAGE:v1/);
    await eventually(
      { what: 'the node to connect' },
      async () => (await fleetOf(data)).nodes[0]?.state === 'connected',
    );
    seen.push(await fleetOf(data));
  }

  assert.equal(seen[0]?.nodes.length, 1);
  assert.equal(seen[0]?.nodes[0]?.isOrigin, true);
  assert.equal(seen[1]?.fleetId, seen[0]?.fleetId);
  assert.deepEqual(
    seen[1]?.nodes.map(({ nodeId }) => nodeId),
    seen[0]?.nodes.map(({ nodeId }) => nodeId),
  );
  for (const file of ['admin.json', 'coordinator.db', 'node.json', 'authority/authority.pem', 'authority/server.pem']) {
    assert.equal((await stat(join(data, file))).mode & 0o777, 0o600, file);
  }
});

test('up whose index was lost enrols its node again', async () => {
  await using folder = await openTemporaryFolder('cli');
  const data = join(folder.path, 'data');
  {
    await using _first = await startShoal('up', '--data', data);
  }
  for (const name of await readdir(data)) if (name.startsWith('coordinator.db')) await rm(join(data, name));

  await using _up = await startShoal('up', '--data', data);

  const { nodes } = await eventually({ what: 'the node to connect' }, async () => {
    const fleet = await fleetOf(data);
    return fleet.nodes[0]?.state === 'connected' && fleet;
  });
  assert.deepEqual(
    nodes.map(({ isOrigin }) => isOrigin),
    [true],
  );
});

test('A node joins with a token once, comes back without it, and a token of one use lets in no second host', async () => {
  await using folder = await openTemporaryFolder('cli');
  const data = join(folder.path, 'coordinator');
  await using _coordinator = await startShoal('coordinator', '--data', data);
  const token = await shoal('token', 'create', '--data', data);
  const join_ = ['--coordinator', await addressOf(data), '--join', token.output.trim()];
  const node = join(folder.path, 'node');

  {
    await using _first = await startShoal('node', '--data', node, ...join_);
    await eventually(
      { what: 'the node to connect' },
      async () => (await fleetOf(data)).nodes[0]?.state === 'connected',
    );
  }
  await using _second = await startShoal('node', '--data', node);
  await eventually(
    { what: 'the node to come back' },
    async () => (await fleetOf(node)).nodes[0]?.state === 'connected',
  );
  const refused = await shoal('node', '--data', join(folder.path, 'other'), ...join_);

  assert.match(token.output, /^shoal1\.[^\n]+\n$/);
  assert.equal((await fleetOf(data)).nodes.length, 1);
  assert.equal(refused.code, 1);
  assert.match(refused.messages, /used as often as it may be/);
});

test('An origin that is started again without a word is still one, until it is told otherwise', async () => {
  await using folder = await openTemporaryFolder('cli');
  const data = join(folder.path, 'coordinator');
  await using _coordinator = await startShoal('coordinator', '--data', data);
  const token = await shoal('token', 'create', '--data', data);
  const join_ = ['--coordinator', await addressOf(data), '--join', token.output.trim(), '--origin'];
  const node = join(folder.path, 'node');
  const roles: boolean[] = [];

  for (const [args, isOrigin] of [
    [join_, true],
    [[], true],
    [['--no-origin'], false],
    [[], false],
  ] as const) {
    await using _node = await startShoal('node', '--data', node, ...args);
    await eventually({ what: 'the node to connect' }, async () => {
      const [seen] = (await fleetOf(data)).nodes;
      return seen?.state === 'connected' && seen.isOrigin === isOrigin;
    });
    roles.push(isOrigin);
  }

  assert.deepEqual(roles, [true, true, false, false]);
});

test('A token of another fleet does not move a node there', async () => {
  await using folder = await openTemporaryFolder('cli');
  const [one, other, node] = ['one', 'other', 'node'].map((name) => join(folder.path, name)) as [
    string,
    string,
    string,
  ];
  await using _one = await startShoal('coordinator', '--data', one);
  await using _other = await startShoal('coordinator', '--data', other);
  const token = (await shoal('token', 'create', '--data', one)).output.trim();
  const otherToken = (await shoal('token', 'create', '--data', other)).output.trim();
  const address = await addressOf(one);
  {
    await using _node = await startShoal('node', '--data', node, '--coordinator', address, '--join', token);
  }

  const moved = await shoal('node', '--data', node, '--coordinator', address, '--join', otherToken);
  const misled = await shoal(
    'node',
    '--data',
    join(folder.path, 'new'),
    '--coordinator',
    address,
    '--join',
    otherToken,
  );

  assert.equal(moved.code, 1);
  assert.match(moved.messages, /the token is of another fleet/);
  assert.equal(misled.code, 1);
  assert.match(misled.messages, /is not the coordinator that made this token/);
});

test('What is not reachable ends with 3 and says what to do', async () => {
  await using folder = await openTemporaryFolder('cli');
  const data = join(folder.path, 'data');
  const never = await shoal('token', 'create', '--data', data);
  {
    await using _coordinator = await startShoal('coordinator', '--data', data);
  }

  const stopped = await shoal('token', 'create', '--data', data);
  const status = await shoal('status', '--data', data);
  const unjoined = await shoal('node', '--data', join(folder.path, 'node'));

  assert.deepEqual([never.code, stopped.code, status.code, unjoined.code], [3, 3, 3, 2]);
  assert.match(never.messages, /no coordinator has run with the data folder/);
  assert.match(stopped.messages, /nothing listens there.*Start it with `shoal up`/);
  assert.match(unjoined.messages, /shoal node --coordinator HOST:PORT --join TOKEN/);
});

test('node remove takes a node out after its id was typed again, and tells what it would lose', async () => {
  await using folder = await openTemporaryFolder('cli');
  const data = join(folder.path, 'coordinator');
  const nodeData = join(folder.path, 'node');
  await using _up = await startShoal('up', '--data', data);
  const token = (await shoal('token', 'create', '--data', data)).output.trim();
  const address = await addressOf(data);
  await using _node = await startShoal('node', '--data', nodeData, '--coordinator', address, '--join', token);
  const { nodes } = await eventually({ what: 'both to be connected' }, async () => {
    const fleet = await fleetOf(data);
    return fleet.nodes.length === 2 && fleet.nodes.every(({ state }) => state === 'connected') && fleet;
  });
  const origin = nodes.find(({ isOrigin }) => isOrigin)?.nodeId ?? '';
  const nodeId = nodes.find(({ isOrigin }) => !isOrigin)?.nodeId ?? '';
  const remove = (id: string, answer: string): Promise<Ran> =>
    shoalWith({ answer }, 'node', 'remove', id, '--data', data);

  const unasked = await shoal('node', 'remove', nodeId, '--data', data);
  const unsure = await remove(nodeId, 'y');
  const lastOrigin = await remove(origin, '');
  const unknown = await shoal('node', 'remove', nodeId.slice(0, -1), '--yes', '--data', data);
  const elsewhere = await shoal('node', 'remove', nodeId, '--yes', '--data', nodeData);
  assert.equal((await fleetOf(data)).nodes.filter(({ state }) => state === 'removed').length, 0);
  const removed = await remove(nodeId, nodeId);
  const again = await shoal('node', 'remove', nodeId, '--yes', '--json', '--data', data);

  assert.deepEqual([unasked.code, unsure.code, lastOrigin.code, unknown.code, elsewhere.code], [2, 1, 1, 1, 3]);
  assert.match(unasked.messages, /say --yes where nobody can be asked/);
  assert.match(unsure.messages, /is a node, connected, and holds 0 blobs.*nothing was removed/s);
  assert.match(lastOrigin.messages, /No other origin is connected/);
  assert.match(unknown.messages, new RegExp(`there is no node .*did you mean ${nodeId}\\?`));
  assert.match(elsewhere.messages, /Run this on the coordinator's host/);
  assert.equal(removed.code, 0);
  assert.match(removed.output, new RegExp(`removed ${nodeId}; nobody of the fleet deals with it any more`));
  assert.match(again.messages, /was removed before/);
  assert.equal((await fleetOf(data)).nodes.find((each) => each.nodeId === nodeId)?.state, 'removed');
});

test('audit lists what was done, for people and for programs, and says what is wrong with a question', async () => {
  await using folder = await openTemporaryFolder('cli');
  const data = join(folder.path, 'data');
  await using up = await startShoal('up', '--data', data);
  const [, port = ''] = /localhost:(\d+)/.exec(up.terminal.output) ?? [];
  const wire = new RegistryWire(`http://127.0.0.1:${port}`);
  await eventually({ what: 'readiness' }, async () => (await wire.send('GET', '/readyz')).status === 200);
  await wire.pushEmptyImage('team/app', 'v1');

  const list = await shoal('audit', '--data', data);
  const json = await shoal('audit', '--json', '--limit', '1', '--anonymous', '--since', '1h', '--data', data);
  const nothing = await shoal('audit', '--repository', 'other', '--data', data);
  const wrong = await shoal('audit', '--since', 'yesterday', '--data', data);
  const elsewhere = await shoal('audit', '--data', join(folder.path, 'other'));

  assert.match(list.output, /^TIME.*\n.*push manifest +team\/app:v1@sha256:.*\n.*push blob +team\/app@sha256:/);
  assert.equal(json.messages, '');
  assert.equal(json.output.trim().split('\n').length, 1);
  assert.equal((JSON.parse(json.output) as { tag: string }).tag, 'v1');
  assert.equal(nothing.output, 'nothing of that kind is in the audit log\n');
  assert.deepEqual([list.code, nothing.code, wrong.code, elsewhere.code], [0, 0, 2, 3]);
  assert.match(wrong.messages, /--since: "yesterday" is no moment; write 24h, 7d/);
});

test('pulls tells what to do about a node that wants credentials', async () => {
  const access: AccessPolicy = {
    authorize: () => {
      throw new AppError('credentials_required', 'who are you', { detail: { challenge: 'Basic realm="x"' } });
    },
  };
  await using registry = await listenRegistry({ access });

  const { code, messages } = await shoal('pulls', '--http', new URL(registry.baseUrl).host);

  assert.equal(code, 1);
  assert.match(
    messages,
    /lets only its users see this.* `curl --user NAME http:.*\/pulls\?limit=20` asks as one of them/,
  );
});

test('pulls asks the node of this host, and says what to do when there is none', async () => {
  await using folder = await openTemporaryFolder('cli');
  await using up = await startShoal('up', '--data', join(folder.path, 'data'));
  const [, port = ''] = /localhost:(\d+)/.exec(up.terminal.output) ?? [];
  const http = `127.0.0.1:${port}`;

  const list = await shoal('pulls', '--http', http);
  const json = await shoal('pulls', '--json', '--http', http);
  const unknown = await shoal('pulls', '12', '--http', http);
  const noId = await shoal('pulls', 'v1', '--http', http);
  const nobody = await shoal('pulls', '--http', '127.0.0.1:1');

  assert.match(list.output, /no pulls yet/);
  assert.deepEqual((JSON.parse(json.output) as { pulls: unknown }).pulls, []);
  assert.equal(unknown.code, 1);
  assert.match(unknown.messages, /there is no report 12, or not any more; `shoal pulls` lists them/);
  assert.equal(noId.code, 2);
  assert.equal(nobody.code, 3);
  assert.match(nobody.messages, /cannot reach the node at 127.0.0.1:1: nothing listens there/);
});
