// Where an upstream may send us: kinds of addresses, token services, waiting times, and names.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressClass } from '../../../node/upstream/address-class.ts';
import { retryAfterSeconds } from '../../../node/upstream/retry-after.ts';
import { parseTagPage } from '../../../node/upstream/tag-page.ts';
import { checkRealm } from '../../../node/upstream/token-realm.ts';
import { nameOfUrl, UpstreamNames } from '../../../node/upstream/upstream-name.ts';

test('Addresses of this host, its link and metadata services are forbidden, however they are written', () => {
  const forbidden = [
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '169.254.169.254',
    '100.100.100.200',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    '0:0:0:0:0:0:0:1',
    'fe80::1%eth0',
    'FE80::1',
    'ff02::1',
    'fd00:ec2::254',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:169.254.169.254',
    '::127.0.0.1',
    '64:ff9b::169.254.169.254',
    '2002:7f00:0001::',
    'localhost',
    '',
    '2130706433',
  ];

  for (const address of forbidden) assert.equal(addressClass(address), 'forbidden', address);
  for (const address of ['10.0.0.1', '172.31.0.1', '192.168.1.1', '100.64.0.1', 'fc00::1', '::ffff:10.0.0.1'])
    assert.equal(addressClass(address), 'private', address);
  for (const address of ['1.1.1.1', '172.32.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])
    assert.equal(addressClass(address), 'public', address);
});

test('Any text has a class', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6()), (text) =>
      ['forbidden', 'private', 'public'].includes(addressClass(text)),
    ),
  );
});

function realmOf(realm: string, url: string, more: { password?: boolean; alsoAllowed?: string[] } = {}): string {
  const { password = true, alsoAllowed = [] } = more;
  const upstream = { name: 'up', url: new URL(url), hasCredentials: password, alsoAllowed: new Set(alsoAllowed) };
  try {
    checkRealm(realm, upstream);
    return 'asked';
  } catch (error) {
    return String(error);
  }
}

test('The password goes to the upstream and its organisation, and to nobody else', () => {
  for (const [realm, url] of [
    ['https://auth.docker.io/token', 'https://registry-1.docker.io/'],
    ['https://gitlab.com/jwt/auth', 'https://registry.gitlab.com/'],
    ['https://r.example:5001/token', 'https://r.example:5001/'],
    ['http://127.0.0.1:5001/token', 'http://127.0.0.1:5001/'],
    ['https://auth.shop.co.uk/t', 'https://r.shop.co.uk/'],
  ] as const)
    assert.equal(realmOf(realm, url), 'asked', realm);
  for (const [realm, url] of [
    ['https://evil.example/token', 'https://registry-1.docker.io/'],
    ['https://docker.io.evil.example/token', 'https://registry-1.docker.io/'],
    ['https://evildocker.io/token', 'https://registry-1.docker.io/'],
    ['https://other.co.uk/t', 'https://r.shop.co.uk/'],
    ['https://other.azurecr.io/t', 'https://mine.azurecr.io/'],
    ['http://127.0.0.1:5002/token', 'http://127.0.0.1:5001/'],
    ['http://10.0.0.2/token', 'http://10.0.0.1/'],
  ] as const) {
    assert.match(realmOf(realm, url), /wants its password sent to/, realm);
    assert.equal(realmOf(realm, url, { password: false }), 'asked', realm);
    const { hostname, port, protocol } = new URL(realm);
    const place = `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`;
    for (const listed of [hostname, place])
      assert.equal(realmOf(realm, url, { alsoAllowed: [listed] }), 'asked', realm);
  }
  assert.match(realmOf('http://auth.docker.io/token', 'https://registry-1.docker.io/'), /not asked over https/);
  assert.match(realmOf('file:///etc/passwd', 'http://r.example/', { password: false }), /not asked over https/);
  assert.match(realmOf('/token', 'http://r.example/'), /names no token service/);
});

test('Neighbours under a name where everybody may have one are strangers, however deep it lies', () => {
  for (const [realm, url] of [
    ['https://evil.github.io/t', 'https://mine.github.io/'],
    ['https://evil.westeurope.cloudapp.azure.com/t', 'https://mine.westeurope.cloudapp.azure.com/'],
    ['https://evil.s3.amazonaws.com/t', 'https://1234.dkr.ecr.eu-central-1.amazonaws.com/'],
    ['https://evil.lambda-url.eu-central-1.on.aws/t', 'https://mine.lambda-url.eu-central-1.on.aws/'],
    ['https://evil.oss-cn-hangzhou.aliyuncs.com/t', 'https://registry.cn-hangzhou.aliyuncs.com/'],
    ['https://evil.jfrog.io/t', 'https://mine.jfrog.io/'],
    ['https://evil.uk.com/t', 'https://mine.uk.com/'],
    ['https://evil.chiyoda.tokyo.jp/t', 'https://mine.shibuya.tokyo.jp/'],
    ['https://evil.ts.net/t', 'https://mine.ts.net/'],
    ['https://evil.appspot.com/t', 'https://mine.appspot.com/'],
    ['https://evil.trycloudflare.com/t', 'https://mine.trycloudflare.com/'],
    ['https://203.0.113.7.nip.io/t', 'https://192.0.2.1.nip.io/'],
    ['https://evil.example./t', 'https://mine.example./'],
    ['https://evil.GitHub.io./t', 'https://mine.github.io./'],
  ] as const)
    assert.match(realmOf(realm, url), /wants its password sent to/, realm);
});

test('Waiting times are seconds or dates, and bounded', () => {
  const nowMs = Date.UTC(2026, 10, 22, 12, 0, 0);

  assert.equal(retryAfterSeconds('120', nowMs), 120);
  assert.equal(retryAfterSeconds('999999999', nowMs), 6 * 3600);
  assert.equal(retryAfterSeconds('Sun, 22 Nov 2026 12:01:00 GMT', nowMs), 60);
  assert.equal(retryAfterSeconds('Sun, 22 Nov 2026 11:00:00 GMT', nowMs), 0);
  for (const header of [undefined, '', '-1', '1.5', 'soon', 'Sun, 99 Nov 2026 12:01:00 GMT'])
    assert.equal(retryAfterSeconds(header, nowMs), undefined, header);
});

test('Names belong to upstreams by their first part, and bare ones stand for the default', () => {
  const hub = { name: 'docker.io', otherNames: ['registry-1.docker.io'] };
  const names = new UpstreamNames([hub, { name: 'quay.io', otherNames: [] }], 'docker.io');

  assert.deepEqual(names.cached('quay.io/org/app'), {
    upstream: 'quay.io',
    remote: 'org/app',
    repository: 'quay.io/org/app',
  });
  assert.equal(names.cached('docker.io/nginx')?.repository, 'docker.io/library/nginx');
  assert.equal(names.standsFor('nginx')?.repository, 'docker.io/library/nginx');
  assert.equal(names.standsFor('team/app')?.remote, 'team/app');
  for (const own of ['quay.io', 'team/quay.io/app', 'quay.iox/app', 'nginx'])
    assert.equal(names.cached(own), undefined, own);
  assert.equal(names.standsFor('quay.io/org/app'), undefined);
  assert.equal(names.standsFor('a'.repeat(250)), undefined, 'too long with the upstream in front');
  assert.equal(names.ofNamespace('Registry-1.docker.io'), 'docker.io');
  assert.equal(names.ofNamespace('gcr.io'), undefined);
  assert.equal(nameOfUrl(new URL('http://[::1]:5001/')), '1-5001');
  assert.equal(nameOfUrl(new URL('http://127.0.0.1:5001/')), '127.0.0.1-5001');
});

test('Pages of tags come in order, also from a registry that knows no pages', () => {
  const body = Buffer.from(JSON.stringify({ name: 'a', tags: ['b', 'a', 'c', 'no tag', 'b'] }));

  assert.deepEqual(parseTagPage(body, { limit: 2, link: undefined }), { tags: ['a', 'b'], hasMore: true });
  assert.deepEqual(parseTagPage(body, { limit: 2, last: 'b', link: undefined }), { tags: ['c'], hasMore: false });
  assert.deepEqual(parseTagPage(Buffer.from('{"tags":null}'), { limit: 2, link: undefined }), {
    tags: [],
    hasMore: false,
  });
  assert.equal(parseTagPage(Buffer.from('<html>'), { limit: 2, link: undefined }), undefined);
});
