// Users of the fleet: made at the coordinator, let in by every node, also while the coordinator is away.

import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { RemoveResponse } from '../../../shared/protocol/admin-api.ts';
import { callCoordinator } from '../../../shared/protocol/coordinator-api.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { ComposedFleet, type FleetNode } from '../../support/composed-fleet.ts';
import { eventually } from '../../support/eventually.ts';
import { FleetUsersOf } from '../../support/fleet-users.ts';
import type { HttpAnswer } from '../../support/http-exchange.ts';
import { assertError, RegistryWire } from '../../support/registry-wire.ts';

const HOUR_MS = 3600 * 1000;
const DAY_MS = 24 * HOUR_MS;
const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

interface Token {
  readonly token: string;
  readonly refresh_token?: string;
}

describe('A fleet with users', () => {
  let fleet: ComposedFleet;
  let users: FleetUsersOf;
  let nodes: readonly FleetNode[];
  let wires: readonly RegistryWire[];

  before(async () => {
    fleet = await ComposedFleet.start();
    users = new FleetUsersOf(fleet);
    await users.add('alice', 'alice-password', 'pull,push team/*');
    await users.change('grant', 'anonymous', 'pull public/**');
    const access = { scheme: 'token' };
    nodes = [
      await fleet.startOwnNode({ access }),
      await fleet.startNode('one', { access }),
      await fleet.startNode('two', { access }),
    ];
    wires = nodes.map(({ baseUrl }) => new RegistryWire(baseUrl));
    await eventually({ what: 'all nodes ready' }, async () =>
      (await Promise.all(wires.map((wire) => wire.send('GET', '/readyz')))).every(({ status }) => status === 200),
    );
  });
  after(() => fleet[Symbol.asyncDispose]());

  const get = (wire: RegistryWire, path: string, authorization?: string): Promise<HttpAnswer> =>
    wire.send('GET', path, { headers: authorization === undefined ? {} : { authorization } });
  const tokenOf = async (wire: RegistryWire, authorization: string, more = ''): Promise<Token> => {
    const scope = encodeURIComponent('repository:team/app:pull,push');
    const answer = await get(wire, `/v2/auth?service=shoal&scope=${scope}${more}`, authorization);
    assert.equal(answer.status, 200, answer.body.toString());
    return JSON.parse(answer.body.toString()) as Token;
  };
  const everywhere = async (
    what: string,
    request: (wire: RegistryWire) => Promise<HttpAnswer>,
    status: number,
  ): Promise<void> => {
    await eventually({ what }, async () =>
      (await Promise.all(wires.map(request))).every((answer) => answer.status === status),
    );
  };

  test('Every node lets them in with their rights, and nobody with others', async () => {
    for (const wire of wires) {
      const alice = basic('alice', 'alice-password');
      assertError(await get(wire, '/v2/team/app/tags/list', alice), 404, 'NAME_UNKNOWN');
      assertError(await get(wire, '/v2/secret/app/tags/list', alice), 403, 'DENIED');
      assertError(await get(wire, '/v2/_catalog', alice), 403, 'DENIED');
      assertError(await get(wire, '/v2/team/app/tags/list', basic('alice', 'wrong-password')), 401, 'UNAUTHORIZED');
      assertError(await get(wire, '/v2/public/app/tags/list'), 404, 'NAME_UNKNOWN');
      assertError(await get(wire, '/v2/team/app/tags/list'), 401, 'UNAUTHORIZED');
    }
  });

  test('A token of one node counts at all, and so does a refresh token', async () => {
    const [first, second, third] = wires as [RegistryWire, RegistryWire, RegistryWire];
    const { token, refresh_token: refresh = '' } = await tokenOf(
      first,
      basic('alice', 'alice-password'),
      '&offline_token=true',
    );

    for (const wire of wires)
      assertError(await get(wire, '/v2/team/app/tags/list', `Bearer ${token}`), 404, 'NAME_UNKNOWN');
    const form = { service: 'shoal', grant_type: 'refresh_token', refresh_token: refresh };
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const again = await second.send('POST', '/v2/auth', { headers, body: new URLSearchParams(form).toString() });
    assert.equal(again.status, 200, again.body.toString());
    const { token: other } = JSON.parse(again.body.toString()) as Token;
    assert.equal((await get(third, '/v2/', `Bearer ${other}`)).status, 200);
  });

  test('What is granted and revoked counts on every node, for tokens that are out too', async () => {
    const { token } = await tokenOf(wires[1] as RegistryWire, basic('alice', 'alice-password'));
    const list = (wire: RegistryWire): Promise<HttpAnswer> => get(wire, '/v2/team/app/tags/list', `Bearer ${token}`);
    await everywhere('the right to pull', list, 404);

    await users.change('revoke', 'alice', 'pull,push team/*');
    await everywhere('the right taken', list, 401);

    await users.change('grant', 'alice', 'pull,push team/*');
    await everywhere('the right given back', list, 404);
  });

  test('A changed password counts on every node, and a removed user is refused on every node', async () => {
    await users.add('bob', 'old-password', 'pull **');
    const base = (password: string) => (wire: RegistryWire) => get(wire, '/v2/', basic('bob', password));
    await everywhere('bob let in', base('old-password'), 200);

    await users.setPassword('bob', 'new-password');
    await everywhere('the old password refused', base('old-password'), 401);
    await everywhere('the new password taken', base('new-password'), 200);
    const { token } = await tokenOf(wires[2] as RegistryWire, basic('bob', 'new-password'));

    await users.remove('bob');
    await everywhere('bob refused', base('new-password'), 401);
    await everywhere('his token refused', (wire) => get(wire, '/v2/', `Bearer ${token}`), 401);
    assert.deepEqual(
      (await users.list()).accounts.map(({ name }) => name),
      ['alice'],
    );
  });

  test('A robot gets in by its secret alone, until it is revoked', async () => {
    const secret = await users.addRobot('ci', { ttlMs: DAY_MS, right: 'pull,push team/*' });
    const list = (wire: RegistryWire): Promise<HttpAnswer> => get(wire, '/v2/team/app/tags/list', basic('ci', secret));
    await everywhere('the robot let in', list, 404);
    for (const [user, password] of [
      ['ci', `${secret}x`],
      ['ci', 'a-password'],
      ['alice', secret],
    ] as const)
      assertError(await get(wires[0] as RegistryWire, '/v2/', basic(user, password)), 401, 'UNAUTHORIZED');

    await users.revokeRobot('ci');
    await everywhere('the robot refused', list, 401);
  });

  test('Who guesses the secret of a robot has to wait, and others that log in as robots have not', async () => {
    const [own] = wires as readonly [RegistryWire];
    const secret = await users.addRobot('guessed', { ttlMs: DAY_MS, right: 'pull team/*' });
    const other = await users.addRobot('other', { ttlMs: DAY_MS, right: 'pull team/*' });
    await everywhere('the robots known', (wire) => get(wire, '/v2/', basic('guessed', secret)), 200);
    await everywhere('the other one known', (wire) => get(wire, '/v2/', basic('other', other)), 200);

    const guesses = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        get(own, '/v2/auth?service=shoal', basic('guessed', `${secret.slice(0, -2)}${index + 10}`)),
      ),
    );

    const statuses = guesses.map(({ status }) => status);
    assert.ok(statuses.includes(429) && statuses.every((status) => [401, 429].includes(status)), statuses.join(' '));
    assert.equal((await get(own, '/v2/', basic('other', other))).status, 200);
    assert.equal((await get(own, '/v2/', basic('guessed', secret))).status, 200); // who is in stays in
  });

  test('What nodes know of users is readable by their owner alone', async () => {
    for (const name of ['own', 'one', 'two']) {
      const { mode } = await stat(join(fleet.folder, name, 'access-policy.json'));
      assert.equal(mode & 0o777, 0o600);
    }
  });
});

test('A node goes by the users that it knows while the coordinator is away, also after a restart', async () => {
  await using fleet = await ComposedFleet.start();
  await new FleetUsersOf(fleet).add('alice', 'alice-password', 'pull **');
  const access = { scheme: 'token' };
  const before_ = await fleet.startNode('one', { access });
  await ready(before_);
  await before_[Symbol.asyncDispose]();
  await fleet.stopCoordinator();

  await using node = await fleet.startNode('one', { access });

  await ready(node);
  const answer = await new RegistryWire(node.baseUrl).send('GET', '/v2/', {
    headers: { authorization: basic('alice', 'alice-password') },
  });
  assert.equal(answer.status, 200, answer.body.toString());
});

test('What a node knows of users runs out: it denies, says why, and is not ready; then the coordinator is back', async () => {
  await using fleet = await ComposedFleet.start({ users: { policyLifeMs: HOUR_MS } });
  await new FleetUsersOf(fleet).add('alice', 'alice-password', 'pull **');
  let aheadMs = 0;
  const clock = { ...systemClock, wallMs: () => systemClock.wallMs() + aheadMs };
  await using node = await fleet.startNode('one', { access: { scheme: 'basic' } }, clock);
  await ready(node);
  await fleet.stopCoordinator();
  const wire = new RegistryWire(node.baseUrl);
  const base = (): Promise<HttpAnswer> =>
    wire.send('GET', '/v2/', { headers: { authorization: basic('alice', 'alice-password') } });
  assert.equal((await base()).status, 200);

  aheadMs = 2 * HOUR_MS;

  const denied = await base();
  assertError(denied, 403, 'DENIED');
  assert.match(denied.body.toString(), /last heard from the coordinator at .* who may log in/);
  assert.match((await wire.send('GET', '/readyz')).body.toString(), /not ready: .*last heard/);
  aheadMs = 0;
  await fleet.startCoordinator();
  await eventually({ what: 'alice let in again' }, async () => (await base()).status === 200);
});

test('What a node signed counts at others until it is removed from the fleet', async () => {
  await using fleet = await ComposedFleet.start();
  await new FleetUsersOf(fleet).add('alice', 'alice-password', 'pull **');
  const access = { scheme: 'token' };
  await using one = await fleet.startNode('one', { access });
  await using two = await fleet.startNode('two', { access });
  await Promise.all([ready(one), ready(two)]);
  const asAlice = { headers: { authorization: basic('alice', 'alice-password') } };
  const given = await new RegistryWire(one.baseUrl).send('GET', '/v2/auth?service=shoal', asAlice);
  const { token } = JSON.parse(given.body.toString()) as Token;
  const base = async (): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` };
    return (await new RegistryWire(two.baseUrl).send('GET', '/v2/', { headers })).status;
  };
  assert.equal(await base(), 200);

  const call = { method: 'DELETE', path: `/api/nodes/${one.running.nodeId}`, answer: RemoveResponse } as const;
  await callCoordinator({ clock: systemClock }, fleet.admin, call, new AbortController().signal);

  await eventually({ what: 'its token refused' }, async () => (await base()) === 401);
});

test('A fleet without users lets nobody in, and has none of its own making', async () => {
  await using fleet = await ComposedFleet.start();
  const users = new FleetUsersOf(fleet);
  await using node = await fleet.startNode('one', { access: { scheme: 'token' } });
  await ready(node);
  const wire = new RegistryWire(node.baseUrl);
  const answer = await wire.send('GET', '/v2/', { headers: { authorization: basic('admin', 'admin') } });
  assertError(answer, 401, 'UNAUTHORIZED');
  assert.deepEqual((await users.list()).accounts, []);
});

async function ready(node: FleetNode): Promise<void> {
  const wire = new RegistryWire(node.baseUrl);
  await eventually({ what: 'the node ready' }, async () => (await wire.send('GET', '/readyz')).status === 200);
}
