// Passwords and tokens for upstreams: who gets them, and who does not.

import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test } from 'node:test';
import { ComposedFleet } from '../../support/composed-fleet.ts';
import { FakeUpstream } from '../../support/fake-upstream.ts';
import { RegistryWire } from '../../support/registry-wire.ts';

const BASIC = `Basic ${Buffer.from('puller:s3cret').toString('base64')}`;
const LOGIN = { username: 'puller', password: 's3cret' };
const PATH = '/v2/up.example/org/app/manifests/v1';

async function startCache(
  upstream: FakeUpstream,
  more: object,
): Promise<AsyncDisposable & { readonly wire: RegistryWire }> {
  const fleet = await ComposedFleet.start();
  const registries = [{ name: 'up.example', url: upstream.url, ...more }];
  const node = await fleet.startOwnNode({ upstreams: { registries, freshMs: 0 } });
  return { wire: new RegistryWire(node.baseUrl), [Symbol.asyncDispose]: () => fleet[Symbol.asyncDispose]() };
}

function refuse(response: ServerResponse, challenge: string): true {
  response.writeHead(401, { 'www-authenticate': challenge }).end('{"errors":[]}');
  return true;
}

test('A password is sent when the upstream asks for one, and not before', async () => {
  await using upstream = await FakeUpstream.start();
  const seen: unknown[] = [];
  upstream.intercept = ({ headers: { authorization } }, response) => {
    seen.push(authorization);
    return authorization === BASIC ? false : refuse(response, 'Basic realm="x"');
  };
  upstream.hold('org/app', 'v1', Buffer.from('private'));
  await using cache = await startCache(upstream, LOGIN);
  await using nameless = await startCache(upstream, {});
  await using wrong = await startCache(upstream, { ...LOGIN, password: 'other' });

  assert.equal((await cache.wire.send('GET', PATH)).status, 200);
  assert.deepEqual(seen, [undefined, BASIC]);
  for (const { wire } of [nameless, wrong]) {
    const answer = await wire.send('GET', PATH);
    assert.equal(answer.status, 403);
    assert.match(answer.body.toString(), /up\.example does not let us in/);
    assert.doesNotMatch(answer.body.toString(), /s3cret|other/);
  }
});

test('Tokens are fetched for one repository, kept while they live, and fetched anew when they are refused', async () => {
  await using upstream = await FakeUpstream.start();
  const asked: string[] = [];
  let good = 'Bearer token-1';
  upstream.intercept = ({ url = '', headers }: IncomingMessage, response) => {
    if (url.startsWith('/token')) {
      asked.push(`${url} ${headers.authorization}`);
      response.end(JSON.stringify({ access_token: good.slice('Bearer '.length), expires_in: 300 }));
      return true;
    }
    const challenge = `Bearer realm="${upstream.url}/token",service="up",scope="repository:evil:push"`;
    return headers.authorization === good ? false : refuse(response, challenge);
  };
  for (const name of ['org/app', 'org/two']) upstream.hold(name, 'v1', Buffer.from('private'));
  await using cache = await startCache(upstream, LOGIN);
  const query = (name: string): string =>
    `/token?service=up&scope=repository%3A${encodeURIComponent(name)}%3Apull&account=puller ${BASIC}`;

  for (let times = 0; times < 3; times += 1) assert.equal((await cache.wire.send('GET', PATH)).status, 200);
  assert.deepEqual(asked, [query('org/app')]);
  await cache.wire.send('GET', '/v2/up.example/org/two/manifests/v1');
  assert.deepEqual(asked, [query('org/app'), query('org/two')]);
  good = 'Bearer token-2';
  assert.equal((await cache.wire.send('GET', PATH)).headers['warning'], undefined);
  assert.equal(asked.length, 3);
});

test('Neither password nor token goes to another host: not to a token service there, not along a redirect', async () => {
  await using upstream = await FakeUpstream.start();
  await using other = await FakeUpstream.start();
  const elsewhere = `127.0.0.1:${other.port}`;
  upstream.intercept = (_request, response) => refuse(response, `Bearer realm="http://${elsewhere}/token"`);
  await using cache = await startCache(upstream, LOGIN);
  const answer = await cache.wire.send('GET', PATH);
  assert.equal(answer.status, 403);
  assert.match(answer.body.toString(), /wants its password sent to 127\.0\.0\.1/);
  assert.deepEqual(other.requests, []);

  const carried: unknown[] = [];
  other.intercept = ({ headers }) => {
    carried.push(headers.authorization);
    return false;
  };
  const { layer } = other.hold('org/app', 'v1', Buffer.from('elsewhere'));
  upstream.intercept = ({ headers: { authorization }, url }, response) => {
    if (authorization !== BASIC) return refuse(response, 'Basic realm="x"');
    response.writeHead(307, { location: `http://${elsewhere}${url}` }).end();
    return true;
  };
  await using listed = await startCache(upstream, { ...LOGIN, alsoAllowed: [elsewhere] });
  const blob = await listed.wire.send('GET', `/v2/up.example/org/app/blobs/${layer}`);
  assert.equal(blob.body.toString(), 'elsewhere');
  assert.deepEqual(carried, [undefined]);
});
