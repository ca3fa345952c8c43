// The audit log, from a request of a client to the answer for an administrator: real coordinator, real nodes.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { AuditPage, type AuditEntry } from '../../../shared/protocol/audit-api.ts';
import { ADMINISTRATOR } from '../../../shared/protocol/requester.ts';
import { callCoordinator } from '../../../shared/protocol/coordinator-api.ts';
import { systemClock as clock } from '../../../shared/runtime/clock.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { ComposedFleet } from '../../support/composed-fleet.ts';
import { FleetUsersOf } from '../../support/fleet-users.ts';
import { basicCredentials, HASH_OF_RIGHT } from '../../support/htpasswd.ts';
import { digestText, emptyManifest, OCI_MANIFEST, RegistryWire } from '../../support/registry-wire.ts';

const { signal } = new AbortController();

async function audit(fleet: ComposedFleet, query = ''): Promise<readonly AuditEntry[]> {
  const call = { method: 'GET', path: `/api/audit?${query}`, answer: AuditPage } as const;
  return (await callCoordinator({ clock }, fleet.admin, call, signal)).entries;
}

/** Action, kind and target of entries, the oldest first. */
function told(entries: readonly AuditEntry[]): string[] {
  return entries
    .map(({ user, action, kind, repository, tag, fromRepository }) => {
      const what = `${user}: ${action} ${kind} ${repository}${tag === undefined ? '' : `:${tag}`}`;
      return fromRepository === undefined ? what : `${what} of ${fromRepository}`;
    })
    .reverse();
}

test('Every push, mount and delete is told with who, from where and through which node, and nothing else is', async () => {
  await using fleet = await ComposedFleet.start();
  const htpasswd = join(fleet.folder, 'htpasswd');
  await writeFile(htpasswd, `alice:${HASH_OF_RIGHT}\nbob:${HASH_OF_RIGHT}\n`);
  const node = await fleet.startNode('edge', {
    origin: true,
    access: { scheme: 'basic', htpasswd },
    registry: { trustedProxies: ['loopback'] },
  });
  const wire = new RegistryWire(node.baseUrl);
  const as = (user: string) => ({
    authorization: basicCredentials(user, 'right'),
    'user-agent': 'docker/28.0 go/1.24',
    'x-forwarded-for': '192.0.2.7',
  });
  const config = digestText('{}');
  const manifest = { headers: { ...as('alice'), 'content-type': OCI_MANIFEST }, body: JSON.stringify(emptyManifest()) };
  const before = Date.now();

  await wire.send('POST', `/v2/team/app/blobs/uploads/?digest=${config}`, { headers: as('alice'), body: '{}' });
  const pushed = await wire.send('PUT', '/v2/team/app/manifests/v1', manifest);
  const digest = String(pushed.headers['docker-content-digest']);
  await wire.send('PUT', `/v2/team/app/manifests/${digest}?tag=a&tag=b`, manifest);
  const mount = `/v2/team/other/blobs/uploads/?mount=${config}&from=team/app`;
  await wire.send('POST', mount, { headers: { ...as('bob'), 'content-length': 0 } });
  await wire.send('DELETE', '/v2/team/app/manifests/a', { headers: as('bob') });
  await wire.send('DELETE', `/v2/team/app/manifests/${digest}`, { headers: as('bob') });
  await wire.send('DELETE', `/v2/team/other/blobs/${config}`, { headers: as('bob') });
  // None of these changes anything.
  await wire.send('GET', '/v2/team/app/tags/list', { headers: as('alice') });
  await wire.send('PUT', '/v2/team/app/manifests/v2', { ...manifest, body: '{}' });
  await wire.send('DELETE', '/v2/team/app/manifests/none', { headers: as('alice') });
  await wire.send('PUT', '/v2/team/app/manifests/v2', { ...manifest, headers: { 'content-type': OCI_MANIFEST } });
  const entries = await audit(fleet);

  assert.deepEqual(told(entries), [
    'alice: push blob team/app',
    'alice: push manifest team/app:v1',
    'alice: push manifest team/app:a',
    'alice: push manifest team/app:b',
    'bob: mount blob team/other of team/app',
    'bob: delete tag team/app:a',
    'bob: delete manifest team/app',
    'bob: delete tag team/app:b',
    'bob: delete tag team/app:v1',
    'bob: delete blob team/other',
  ]);
  for (const { address, userAgent, nodeId, atMs, requestId } of entries) {
    assert.equal(address, '192.0.2.7');
    assert.equal(userAgent, 'docker/28.0 go/1.24');
    assert.equal(nodeId, node.running.nodeId);
    assert.ok(atMs >= before && atMs <= Date.now());
    assert.match(requestId, /^[0-9a-f-]{36}$/);
  }
  assert.equal(entries.at(-2)?.digest, digest);
  assert.equal(entries.at(-2)?.mediaType, OCI_MANIFEST);
});

test('Every change of users, robots and rights is told with who was changed and what was given, and no secret', async () => {
  await using fleet = await ComposedFleet.start();
  const users = new FleetUsersOf({ admin: { ...fleet.admin, userAgent: 'shoal/1.0.0 (alice)' } });

  await users.add('bob', 'the password of bob', 'pull,push team/*');
  await users.setPassword('bob', 'another password');
  const secret = await users.addRobot('ci', { ttlMs: 60_000, right: 'pull **' });
  await users.change('grant', 'anonymous', 'pull public/**');
  await users.change('revoke', 'bob', 'push team/*');
  await users.revokeRobot('ci');
  await users.remove('bob');
  // None of these changes anything.
  await assert.rejects(users.remove('nobody'));
  await assert.rejects(users.add('not a name', 'a password'));
  const entries = await audit(fleet);

  assert.deepEqual(
    entries
      .map(({ action, kind, account, rights = '', repository }) =>
        [action, kind, account, rights, repository].join(' ').trim(),
      )
      .reverse(),
    [
      'add user bob',
      'grant right bob pull,push team/*',
      'password user bob',
      'add robot ci',
      'grant right ci pull **',
      'grant right anonymous pull public/**',
      'revoke right bob push team/*',
      'remove robot ci',
      'remove user bob',
    ],
  );
  for (const { user, address, userAgent, nodeId, requestId } of entries) {
    assert.deepEqual([user, address, userAgent, nodeId], [ADMINISTRATOR, '127.0.0.1', 'shoal/1.0.0 (alice)', '']);
    assert.match(requestId, /^[0-9a-f-]{36}$/);
  }
  const text = JSON.stringify(entries);
  assert.ok(![secret, 'the password of bob', 'another password', '$2'].some((word) => text.includes(word)), text);
  assert.deepEqual(
    (await audit(fleet, 'repository=team/**&action=grant')).map(({ account }) => account),
    ['bob'],
  );
});

test('The log is asked by repository, user, action and time, a page at a time, by an administrator alone', async () => {
  await using fleet = await ComposedFleet.start();
  const node = await fleet.startOwnNode();
  const wire = new RegistryWire(node.baseUrl);
  for (const repository of ['team/a', 'team/b', 'teams', 'team']) await wire.pushEmptyImage(repository, 'v1');
  await wire.send('DELETE', '/v2/team/a/manifests/v1');
  const repositories = async (query: string): Promise<string[]> => [
    ...new Set((await audit(fleet, query)).map(({ repository }) => repository)),
  ];

  assert.deepEqual(await repositories('repository=team'), ['team']);
  assert.deepEqual(await repositories('repository=team/**'), ['team/a', 'team/b']);
  assert.deepEqual(await repositories('action=delete'), ['team/a']);
  assert.equal((await audit(fleet, 'user=')).length, 9);
  assert.deepEqual(await repositories('user=somebody'), []);
  assert.deepEqual(await repositories(`sinceMs=${Date.now() + 60_000}`), []);
  assert.deepEqual(await repositories('untilMs=1'), []);
  const newest = await audit(fleet, 'limit=2');
  const rest = await audit(fleet, `before=${newest[1]?.id}&limit=1000`);
  assert.equal(newest.length + rest.length, 9);
  for (const query of ['limit=-1', 'before=x', 'action=burn', 'unknown=1', 'repository=']) {
    await assert.rejects(audit(fleet, query), { code: 'message_invalid' }, query);
  }
  const { cert: _cert, key: _key, ...stranger } = fleet.admin;
  const call = { method: 'GET', path: '/api/audit', answer: AuditPage } as const;
  await assert.rejects(callCoordinator({ clock }, stranger, call, signal), (error) => error instanceof AppError);
});
