// Nothing secret stands in the logs of a run in which passwords, tokens and secrets of robots were used, rightly and wrongly.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLogger } from '../../../shared/runtime/log.ts';
import { ComposedFleet } from '../../support/composed-fleet.ts';
import { eventually } from '../../support/eventually.ts';
import { FleetUsersOf } from '../../support/fleet-users.ts';
import { RegistryWire } from '../../support/registry-wire.ts';

const PASSWORD = 'a-password-that-nobody-logs';
const WRONG = 'a-wrong-password-that-nobody-logs';
const NEXT = 'the-next-password-that-nobody-logs';

test('No password, no token, no secret of a robot and no hash of them is logged, or kept in the open', async () => {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  const log = createLogger({ level: 'debug', format: 'json', sink: { write } });
  await using fleet = await ComposedFleet.start({}, log);
  const users = new FleetUsersOf(fleet);
  await users.add('alice', PASSWORD, 'pull,push team/*');
  const robot = await users.addRobot('ci', { ttlMs: 60_000, right: 'pull,push team/*' });
  const node = await fleet.startNode('one', { access: { scheme: 'token' }, registry: { accessLog: true } });
  const wire = new RegistryWire(node.baseUrl);
  await eventually({ what: 'the node ready' }, async () => (await wire.send('GET', '/readyz')).status === 200);
  const basic = (user: string, password: string): string =>
    `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const headersOf = (authorization: string) => ({ headers: { authorization } });
  const form = { 'content-type': 'application/x-www-form-urlencoded' };

  const secrets = [PASSWORD, WRONG, NEXT, robot, basic('alice', PASSWORD), basic('ci', robot), basic('alice', WRONG)];
  for (const authorization of secrets.slice(4)) await wire.send('GET', '/v2/', headersOf(authorization));
  const scope = 'service=shoal&scope=repository:team/app:pull,push&offline_token=true';
  const given = await wire.send('GET', `/v2/auth?${scope}`, headersOf(basic('alice', PASSWORD)));
  const tokens = JSON.parse(given.body.toString()) as { token: string; refresh_token: string };
  const { secret } = JSON.parse(await readFile(join(fleet.folder, 'one', 'node-access.json'), 'utf8')) as {
    readonly secret: string;
  };
  secrets.push(tokens.token, tokens.refresh_token, secret);
  for (const token of [tokens.token, tokens.refresh_token, `${tokens.token}x`, secret]) {
    for (const path of ['/v2/', '/v2/team/app/tags/list', '/pulls', '/metrics', '/v2/_catalog'])
      await wire.send('GET', path, headersOf(`Bearer ${token}`));
  }
  for (const password of [PASSWORD, WRONG]) {
    const body = new URLSearchParams({ service: 'shoal', grant_type: 'password', username: 'alice', password });
    await wire.send('POST', '/v2/auth', { headers: form, body: body.toString() });
  }
  const push = { headers: { authorization: `Bearer ${tokens.token}`, 'content-length': 0 } };
  assert.equal((await wire.send('POST', '/v2/team/app/blobs/uploads/', push)).status, 202);
  await users.setPassword('alice', NEXT);
  await users.revokeRobot('ci');
  await users.remove('alice');
  await node[Symbol.asyncDispose]();
  await fleet.stopCoordinator();

  const text = lines.join('');
  assert.match(text, /made a user/);
  for (const found of secrets) assert.ok(!text.includes(found), `the log holds ${found.slice(0, 12)}…`);
  for (const found of secrets.map((each) => each.replace('Basic ', '').replace('Bearer ', '')))
    assert.ok(!text.includes(found), `the log holds ${found.slice(0, 12)}…`);
  assert.ok(!/\$2[aby]\$\d\d\$/.test(text), 'the log holds a hash');
  for (const file of await filesBelow(fleet.folder)) {
    const bytes = await readFile(file);
    for (const found of [PASSWORD, WRONG, NEXT, robot, tokens.token, tokens.refresh_token])
      assert.ok(!bytes.includes(found), `${file} holds ${found.slice(0, 12)}…`);
  }
});

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
