// Users and robots by the command line, and how they then log in.

import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ResourceStack } from '../../../shared/runtime/resource-stack.ts';
import { shoal, shoalWith, startShoal, type Ran } from '../../support/command-line.ts';
import { eventually } from '../../support/eventually.ts';
import { RegistryWire } from '../../support/registry-wire.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

describe('shoal user and shoal robot', () => {
  const resources = new ResourceStack();
  let data: string;
  let wire: RegistryWire;
  let http: string;
  before(async () => {
    data = join(resources.use(await openTemporaryFolder('users')).path, 'data');
    const { terminal } = resources.use(await startShoal('up', '--data', data, '--access-scheme', 'token'));
    const port = /localhost:(\d+)/.exec(terminal.output)?.[1];
    http = `127.0.0.1:${port}`;
    wire = new RegistryWire(`http://${http}`);
  });
  after(() => resources[Symbol.asyncDispose]());

  const run = (...args: string[]): Promise<Ran> => shoal(...args, '--data', data);
  const statusOf = async (user: string, password: string, path = '/v2/'): Promise<number> => {
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    return (await wire.send('GET', path, { headers: { authorization } })).status;
  };
  const comesTo = (what: string, status: number, ask: () => Promise<number>): Promise<unknown> =>
    eventually({ what }, async () => (await ask()) === status);

  test('A user is made with a password that was typed twice or came on standard input, and lets in', async () => {
    const typed = await shoalWith({ answer: 'typed password' }, 'user', 'add', 'alice', '--data', data);
    const piped = await shoalWith(
      { input: 'piped password\nmore\n' },
      ...['user', 'add', 'bob', 'pull,push', 'team/**', '--password-stdin', '--json', '--data', data],
    );

    assert.equal(typed.code, 0, typed.messages);
    assert.match(typed.output, /made alice; it may do nothing yet: shoal user grant alice/);
    assert.ok(!typed.output.includes('typed password') && !typed.messages.includes('typed password'));
    assert.deepEqual(JSON.parse(piped.output), {
      name: 'bob',
      rights: [{ actions: ['pull', 'push'], repositories: 'team/**' }],
    });
    await comesTo('alice let in', 200, () => statusOf('alice', 'typed password'));
    await comesTo('bob let in', 404, () => statusOf('bob', 'piped password', '/v2/team/app/tags/list'));
    assert.equal(await statusOf('bob', 'piped password', '/v2/other/app/tags/list'), 403);
  });

  test('Commands on the host of a node see its pulls without a login; others do not', async () => {
    const own = await run('pulls', '--json');
    await using folder = await openTemporaryFolder('stranger');
    const stranger = await shoal('pulls', '--http', http, '--data', folder.path);

    assert.equal(own.code, 0, own.messages);
    assert.deepEqual((JSON.parse(own.output) as { pulls: unknown }).pulls, []);
    assert.equal(stranger.code, 1);
    assert.match(stranger.messages, /lets only its users see this/);
    const path = join(data, 'node-access.json');
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const { secret } = JSON.parse(await readFile(path, 'utf8')) as { readonly secret: string };
    const headers = { authorization: `Bearer ${secret}` };
    assert.equal((await wire.send('GET', '/metrics', { headers })).status, 200);
    assert.equal((await wire.send('GET', '/v2/team/app/tags/list', { headers })).status, 401);
    assert.equal((await wire.send('POST', '/v2/team/app/blobs/uploads/', { headers })).status, 401);
  });

  test('What cannot be is refused with what to do, and no password is taken from the command line', async () => {
    const add = (...args: string[]) => shoalWith({ input: 'a good password' }, 'user', 'add', ...args, '--data', data);
    const refusals: readonly (readonly [Promise<Ran>, number, RegExp])[] = [
      [run('user', 'add', 'carol'), 2, /--password-stdin < FILE/],
      [run('user', 'add', 'carol', '--password', 'secret'), 2, /there is no flag --password/],
      [add('anonymous', '--password-stdin'), 1, /cannot be a name/],
      [add('with:colon', '--password-stdin'), 1, /cannot be a name/],
      [add('carol', 'fly', '**', '--password-stdin'), 2, /"fly" is none of pull, push, delete, admin/],
      [add('carol', 'pull', '--password-stdin'), 2, /REPOSITORIES is missing/],
      [add('carol', 'pull', 'Team/[a]', '--password-stdin'), 2, /no pattern of repositories/],
      [add('alice', '--password-stdin'), 1, /there is a user alice already/],
      [shoalWith({ input: 'short' }, 'user', 'add', 'carol', '--password-stdin', '--data', data), 2, /8 characters/],
      [shoalWith({ input: '' }, 'user', 'add', 'carol', '--password-stdin', '--data', data), 2, /one line/],
      [run('user', 'grant', 'alic', 'pull', '**'), 1, /there is no user or robot alic; did you mean alice\?/],
      [run('user', 'remove', 'nobody'), 1, /there is no user nobody/],
    ];
    for (const [running, code, message] of refusals) {
      const ran = await running;
      assert.match(ran.messages, message);
      assert.equal(ran.code, code, ran.messages);
    }
  });

  test('Rights are given, shown and taken', async () => {
    const granted = await run('user', 'grant', 'alice', 'pull,delete', 'public/*');
    const more = await run('user', 'grant', 'alice', 'push', 'public/*', '--json');
    const less = await run('user', 'revoke', 'alice', 'delete', 'public/*');
    await run('user', 'grant', 'anonymous', 'pull', 'public/**');
    const list = await run('user', 'list');

    assert.equal(granted.output, 'alice may: pull,delete public/*\n');
    assert.deepEqual(JSON.parse(more.output), {
      who: 'alice',
      rights: [{ actions: ['pull', 'push', 'delete'], repositories: 'public/*' }],
    });
    assert.equal(less.output, 'alice may: pull,push public/*\n');
    assert.match(
      list.output,
      /^USER +RIGHTS\nalice +pull,push public\/\*\nbob +pull,push team\/\*\*\nanonymous +pull public/,
    );
  });

  test('A password is changed, and a user removed', async () => {
    const changed = await shoalWith({ answer: 'another password' }, 'user', 'passwd', 'alice', '--data', data);
    assert.equal(changed.output, 'changed the password of alice\n');
    await comesTo('the new password taken', 200, () => statusOf('alice', 'another password'));
    await comesTo('the old one refused', 401, () => statusOf('alice', 'typed password'));

    assert.equal((await run('user', 'remove', 'alice')).output, 'removed alice\n');
    await comesTo('alice refused', 401, () => statusOf('alice', 'another password'));
  });

  test('A robot gets a secret that is shown once, is listed with its end, and is revoked', async () => {
    const created = await run('robot', 'create', 'ci', 'pull,push', 'team/**', '--ttl', '30d');
    const secret = created.output.trim();
    assert.match(secret, /^shoal-robot-[\w-]{43}$/);
    await comesTo('the robot let in', 404, () => statusOf('ci', secret, '/v2/team/app/tags/list'));

    const list = await run('robot', 'list');
    assert.match(list.output, /^ROBOT +EXPIRES +RIGHTS\nci +in 29d 23h +pull,push team\/\*\*\n$/);
    const json = await run('robot', 'list', '--json');
    assert.ok(!json.output.includes(secret) && !list.output.includes(secret));
    assert.match((await run('user', 'remove', 'ci')).messages, /ci is a robot; the command for it is `shoal robot`/);

    assert.equal((await run('robot', 'revoke', 'ci')).output, 'revoked ci\n');
    await comesTo('the robot refused', 401, () => statusOf('ci', secret));
  });
});
