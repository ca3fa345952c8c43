import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGrant, Rights } from '../../../node/access/rights.ts';
import { LoginThrottle } from '../../../node/access/login-throttle.ts';
import { accessNeeds } from '../../../node/registry/access.ts';
import { Query } from '../../../node/registry/query.ts';
import { parseApiPath } from '../../../shared/oci/api-path.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';

const rightsOf = (...grants: string[]): Rights => new Rights(grants.map(parseGrant));
const pull = (repository: string) => ({ type: 'repository', repository, allOf: ['pull'] }) as const;
const push = (repository: string) => ({ type: 'repository', repository, allOf: ['pull', 'push'] }) as const;

const digest = `sha256:${'0'.repeat(64)}`;
const PATHS = [
  '/v2/',
  '/v2/_catalog',
  '/v2/_oci/ext/discover',
  '/v2/app/blobs/uploads/',
  '/v2/app/blobs/uploads/some-id',
  `/v2/app/blobs/${digest}`,
  '/v2/app/manifests/v1',
  `/v2/app/manifests/${digest}`,
  '/v2/app/tags/list',
  `/v2/app/referrers/${digest}`,
  '/v2/app/_oci/ext/discover',
  '/v2/nothing/of/the/api',
];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'BREW'];

test('Every route with every method is refused to everybody to whom nothing is granted', () => {
  for (const rights of [rightsOf(), rightsOf('somebody-else admin **'), rightsOf('authenticated pull other/**')]) {
    for (const path of PATHS) {
      for (const method of METHODS) {
        const needs = accessNeeds(parseApiPath(path), { method, query: new Query('') });
        assert.ok(needs.length > 0, `${method} ${path} needs nothing`);
        assert.ok(!needs.every((need) => rights.allows(undefined, need)), `${method} ${path} is open to anonymous`);
        const isBase = needs.every(({ type }) => type === 'base');
        if (!isBase)
          assert.ok(!needs.every((need) => rights.allows('user', need)), `${method} ${path} is open to a user`);
      }
    }
  }
});

test('A grant counts for its user, its actions and its repositories alone', () => {
  const rights = rightsOf('ci pull,push team/*', 'anonymous pull public/**');

  assert.ok(rights.allows('ci', push('team/app')));
  assert.ok(!rights.allows('ci', push('team/app/deeper')));
  assert.ok(!rights.allows('ci', { type: 'repository', repository: 'team/app', allOf: ['delete'] }));
  assert.ok(rights.allows('ci', pull('public/a/b')));
  assert.ok(rights.allows(undefined, pull('public/a/b')));
  assert.ok(!rights.allows(undefined, push('public/a/b')));
  assert.ok(!rights.allows('other', pull('team/app')));
});

test('A guesser with a network of IPv6 addresses is one guesser', () => {
  const throttle = new LoginThrottle();
  const at = (clientAddress: string) => ({ user: 'alice', clientAddress, peerAddress: clientAddress });
  for (let count = 0; count < 6; count += 1) throttle.failed(at(`2001:db8:0:7::${count}`), 0);

  for (const address of ['2001:db8:0:7:ffff::1', '2001:0DB8::7:1:2:3:4', '2001:db8:0:7:1:2:3:4%eth0'])
    assert.equal(throttle.waitMs(at(address), 0), 1000, address);
  for (const address of ['2001:db8:0:8::1', '2001:db8::7', '::1', '::ffff:10.0.0.1', '10.0.0.1', ''])
    assert.equal(throttle.waitMs(at(address), 0), 0, address);
  for (let count = 0; count < 6; count += 1) throttle.failed(at('::ffff:10.0.0.1'), 0);
  assert.equal(throttle.waitMs(at('::ffff:10.0.0.2'), 0), 0);
  throttle.succeeded(at('2001:db8:0:7::'));
  assert.equal(throttle.waitMs(at('2001:db8:0:7::1'), 0), 0);
});

test('A mount needs the right to pull from its source', () => {
  const rights = rightsOf('ci pull,push team/*');
  const needs = (from: string) =>
    accessNeeds(parseApiPath('/v2/team/app/blobs/uploads/'), {
      method: 'POST',
      query: new Query(`mount=${digest}&from=${from}`),
    });

  assert.ok(needs('team/base').every((need) => rights.allows('ci', need)));
  assert.ok(!needs('secret/base').every((need) => rights.allows('ci', need)));
});

test('The catalog is for who administers everything', () => {
  assert.ok(!rightsOf('a pull,push,delete **', 'a admin team/**').allows('a', { type: 'catalog' }));
  assert.ok(rightsOf('a admin **').allows('a', { type: 'catalog' }));
});

test('A grant that cannot be read says how to write one', () => {
  for (const text of ['', 'ci pull', 'ci fly **', 'ci pull team/[a]', 'ci pull a b']) {
    assert.throws(
      () => parseGrant(text),
      (error) => isAppError(error, 'config_invalid') && error.message.includes('WHO ACTIONS REPOSITORIES'),
    );
  }
});

test('Who claims another address with each guess is slowed down after a hundred, and a right password ends that', () => {
  const throttle = new LoginThrottle();
  const from = (index: number) => ({ user: 'alice', clientAddress: `192.0.2.${index}`, peerAddress: '10.0.0.9' });
  const waits: number[] = [];
  for (let index = 1; index <= 102; index += 1) {
    waits.push(throttle.waitMs(from(index), 0));
    throttle.failed(from(index), 0);
  }

  assert.ok(waits.slice(0, 101).every((waitMs) => waitMs === 0));
  assert.equal(waits[101], 1000);
  assert.equal(throttle.waitMs({ ...from(200), user: 'bob' }, 0), 0);
  assert.equal(throttle.waitMs({ ...from(200), peerAddress: '10.0.0.8' }, 0), 0);
  throttle.succeeded(from(200));
  assert.equal(throttle.waitMs(from(201), 0), 0);
});

test('Wrong passwords are slowed down after the fifth, a minute at most, and a right one makes up for them', () => {
  const throttle = new LoginThrottle();
  const attempt = { user: 'alice', clientAddress: '10.0.0.1', peerAddress: '10.0.0.1' };
  let nowMs = 0;
  const waits: number[] = [];
  for (let count = 0; count < 14; count += 1) {
    throttle.failed(attempt, nowMs);
    const waitMs = throttle.waitMs(attempt, nowMs);
    waits.push(waitMs);
    nowMs += waitMs;
  }
  assert.deepEqual(
    waits.map((ms) => ms / 1000),
    [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60],
  );
  throttle.failed(attempt, nowMs);
  assert.equal(throttle.waitMs({ ...attempt, clientAddress: '10.0.0.2', peerAddress: '10.0.0.2' }, nowMs), 0);
  assert.equal(throttle.waitMs({ ...attempt, user: 'bob' }, nowMs), 0);

  throttle.succeeded(attempt);
  assert.equal(throttle.waitMs(attempt, nowMs), 0);
});
