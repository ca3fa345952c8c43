// Who gets in, with the real registry of a node: passwords, tokens, and what anonymous may do.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ComposedFleet, type FleetNode } from '../../support/composed-fleet.ts';
import { eventually } from '../../support/eventually.ts';
import type { HttpAnswer } from '../../support/http-exchange.ts';
import { basicCredentials as basic, HASH_OF_RIGHT as HASH } from '../../support/htpasswd.ts';
import { assertError, digestText, RegistryWire } from '../../support/registry-wire.ts';

interface Token {
  readonly token: string;
  readonly access_token: string;
  readonly expires_in: number;
  readonly issued_at: string;
  readonly scope?: string;
  readonly refresh_token?: string;
}

describe('a registry with tokens', () => {
  let fleet: ComposedFleet;
  let node: FleetNode;
  let wire: RegistryWire;
  let htpasswd: string;

  before(async () => {
    fleet = await ComposedFleet.start();
    htpasswd = join(fleet.folder, 'htpasswd');
    await writeFile(htpasswd, `ci:${HASH}\nreader:${HASH}\nroot:${HASH}\n`);
    const grants = [
      'anonymous pull public/**',
      'ci pull,push,delete public/**',
      'ci pull,push team/*',
      'root admin **',
    ];
    node = await fleet.startOwnNode({ access: { scheme: 'token', htpasswd, grants } });
    wire = new RegistryWire(node.baseUrl);
  });
  after(() => fleet[Symbol.asyncDispose]());

  const tokenFor = async (scopes: readonly string[], authorization?: string, more = ''): Promise<Token> => {
    const query = scopes.map((scope) => `&scope=${encodeURIComponent(scope)}`).join('');
    const headers = authorization === undefined ? {} : { authorization };
    const answer = await wire.send('GET', `/v2/auth?service=shoal${query}${more}`, { headers });
    assert.equal(answer.status, 200, answer.body.toString());
    return JSON.parse(answer.body.toString()) as Token;
  };
  const get = (path: string, authorization?: string): Promise<HttpAnswer> =>
    wire.send('GET', path, { headers: authorization === undefined ? {} : { authorization } });

  test('[A-1 A-5 A-6 V-4] The base path asks for a token, at this very host and port', async () => {
    const answer = await get('/v2/');

    assertError(answer, 401, 'UNAUTHORIZED');
    assert.equal(answer.headers['www-authenticate'], `Bearer realm="${node.baseUrl}/v2/auth",service="shoal"`);
  });

  test('[A-2] A push is challenged with the scope that it needs, a mount with that of its source too', async () => {
    const push = await wire.send('POST', '/v2/team/app/blobs/uploads/', { headers: { 'content-length': 0 } });
    assert.match(String(push.headers['www-authenticate']), /,scope="repository:team\/app:pull,push"$/);
    const digest = `sha256:${'0'.repeat(64)}`;
    const path = `/v2/team/app/blobs/uploads/?mount=${digest}&from=secret/app`;
    const mount = await wire.send('POST', path, { headers: { 'content-length': 0 } });
    assert.match(
      String(mount.headers['www-authenticate']),
      /,scope="repository:team\/app:pull,push repository:secret\/app:pull"$/,
    );
  });

  test('[A-20 A-22 A-24 A-25] A token is given for what was asked and is allowed, and lets its bearer do that', async () => {
    const { token, ...rest } = await tokenFor(['repository:team/app:pull,push,delete'], basic('ci', 'right'));

    assert.equal(rest.access_token, token);
    assert.ok(rest.expires_in >= 60 && Math.abs(Date.parse(rest.issued_at) - Date.now()) < 60_000);
    assert.equal(rest.refresh_token, undefined);
    const upload = await wire.send('POST', '/v2/team/app/blobs/uploads/', {
      headers: { 'content-length': 0, authorization: `Bearer ${token}` },
    });
    assert.equal(upload.status, 202);
    assert.equal((await get('/v2/', `Bearer ${token}`)).status, 200);
    const path = '/v2/team/app/manifests/v1';
    const deleted = await wire.send('DELETE', path, { headers: { authorization: `Bearer ${token}` } });
    assertError(deleted, 401, 'UNAUTHORIZED');
    assert.match(String(deleted.headers['www-authenticate']), /error="insufficient_scope"$/);
  });

  test('[A-21 A-8] Nobody in particular gets a token for what is public, and a wrong password gets none', async () => {
    const { token } = await tokenFor(['repository:public/app:pull,push', 'repository:team/app:pull']);
    const seen = await get('/v2/public/app/tags/list', `Bearer ${token}`);
    assertError(seen, 404, 'NAME_UNKNOWN');
    assertError(await get('/v2/team/app/tags/list', `Bearer ${token}`), 401, 'UNAUTHORIZED');

    const refused = await get('/v2/auth?service=shoal', basic('ci', 'wrong'));
    assertError(refused, 401, 'UNAUTHORIZED');
    assert.equal(refused.headers['cache-control'] ?? 'no-store', 'no-store');
  });

  test('What is public is pulled without any token, and nothing else is', async () => {
    assertError(await get('/v2/public/app/tags/list'), 404, 'NAME_UNKNOWN');
    assertError(await get('/v2/team/app/tags/list'), 401, 'UNAUTHORIZED');
    assertError(await get('/v2/_catalog'), 401, 'UNAUTHORIZED');
    assert.equal((await wire.send('GET', '/pulls')).status, 401);
  });

  test('A blob is mounted from anywhere for somebody who may see everything, and from nowhere for others', async () => {
    const digest = digestText('only for root');
    const pushed = await wire.send('POST', `/v2/secret/app/blobs/uploads/?digest=${digest}`, {
      headers: { authorization: basic('root', 'right') },
      body: 'only for root',
    });
    assert.equal(pushed.status, 201);
    const mount = async (user: string): Promise<number> => {
      const headers = { 'content-length': 0, authorization: basic(user, 'right') };
      const path = `/v2/team/${user}/blobs/uploads/?mount=${digest}`;
      return (await wire.send('POST', path, { headers })).status;
    };

    assert.equal(await mount('ci'), 202);
    assertError(await get(`/v2/team/ci/blobs/${digest}`, basic('ci', 'right')), 404, 'BLOB_UNKNOWN');
    const { token } = await tokenFor(['repository:team/app:pull,push'], basic('ci', 'right'));
    const headers = { 'content-length': 0, authorization: `Bearer ${token}` };
    const asBearer = await wire.send('POST', `/v2/team/app/blobs/uploads/?mount=${digest}`, { headers });
    assert.equal(asBearer.status, 202);
    assert.equal(await mount('root'), 201);
  });

  test('Metrics need a login, and a token that anybody gets is none', async () => {
    const { token } = await tokenFor([]);

    assert.equal((await get('/metrics')).status, 401);
    assert.equal((await get('/metrics', `Bearer ${token}`)).status, 401);
    const own = await tokenFor([], basic('reader', 'right'));
    assert.equal((await get('/metrics', `Bearer ${own.token}`)).status, 200);
    assert.equal((await get('/metrics', basic('reader', 'right'))).status, 200);
  });

  test('Names of users that nobody can have are refused before they are remembered', async () => {
    const form = new URLSearchParams({
      grant_type: 'password',
      service: 'shoal',
      username: 'u'.repeat(257),
      password: 'wrong',
    }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };

    for (let count = 0; count < 8; count += 1) {
      const answer = await wire.send('POST', '/v2/auth', { headers, body: form });
      assert.equal(answer.status, 401); // not 429: nothing was remembered of it
    }
  });

  test('Wrong passwords at the token endpoint are slowed down, by GET and by POST alike', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const form = { grant_type: 'password', service: 'shoal', username: 'nobody-there' };
    const byPost = (count: number): Promise<HttpAnswer> => {
      const body = new URLSearchParams({ ...form, password: `wrong ${count}` }).toString();
      return wire.send('POST', '/v2/auth', { headers, body });
    };
    const byGet = (count: number): Promise<HttpAnswer> =>
      get('/v2/auth?service=shoal', basic('nobody-there', `wrong ${count}`));

    // All at once, so that the time that they take does not count.
    const answers = await Promise.all(Array.from({ length: 12 }, (_, count) => (count % 2 ? byGet : byPost)(count)));

    const slowed = answers.filter(({ status }) => status === 429);
    assert.equal(answers.filter(({ status }) => status === 401).length + slowed.length, 12);
    assert.ok(slowed.length > 0, 'none was slowed');
    for (const answer of slowed) assert.match(String(answer.headers['retry-after']), /^\d+$/);
  });

  test('A password with the request itself is as good as a token', async () => {
    assert.equal((await get('/v2/_catalog', basic('root', 'right'))).status, 200);
    assertError(await get('/v2/_catalog', basic('reader', 'right')), 403, 'DENIED');
    assertError(await get('/v2/_catalog', basic('root', 'wrong')), 401, 'UNAUTHORIZED');
  });

  test('[A-3 A-4] A token that is not one of ours, or was changed, is called invalid', async () => {
    const { token } = await tokenFor(['repository:team/app:pull'], basic('ci', 'right'));
    const [head = '', body = '', signature = ''] = token.split('.');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>;
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'root' })).toString('base64url');
    const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
    for (const bad of [`${head}.${forged}.${signature}`, `${none}.${body}.`, 'abc', `${token}x`]) {
      const answer = await get('/v2/team/app/tags/list', `Bearer ${bad}`);
      assertError(answer, 401, 'UNAUTHORIZED');
      assert.match(String(answer.headers['www-authenticate']), /error="invalid_token"$/);
    }
  });

  test('[A-26 A-23] Another service is refused, and a login alone needs no scope', async () => {
    assert.equal((await tokenFor([], basic('ci', 'right'))).refresh_token, undefined);
    assert.equal((await get('/v2/auth?service=other')).status, 400);
    assert.equal((await get('/v2/auth')).status, 400);
  });

  test('[A-30 A-31 A-32 A-34] By POST a password gives a refresh token, and that gives tokens until the password changes', async () => {
    const post = (form: Record<string, string>): Promise<HttpAnswer> =>
      wire.send('POST', '/v2/auth', {
        headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
        body: new URLSearchParams({ service: 'shoal', client_id: 'test', ...form }).toString(),
      });
    const scope = 'repository:team/app:pull,push repository:public/app:pull';
    const login = { grant_type: 'password', username: 'reader', password: 'right', access_type: 'offline' };
    const first = await post({ ...login, scope });
    assert.equal(first.status, 200, first.body.toString());
    const { refresh_token: refresh = '', scope: granted } = JSON.parse(first.body.toString()) as Token;
    assert.equal(granted, 'repository:public/app:pull');

    const second = await post({ grant_type: 'refresh_token', refresh_token: refresh, scope });
    assert.equal(second.status, 200);
    assert.equal((JSON.parse(second.body.toString()) as Token).refresh_token, refresh);
    assert.equal((await get('/v2/', `Bearer ${refresh}`)).status, 401, 'a refresh token is no access token');
    assert.equal((await post({ grant_type: 'password', username: 'reader', password: 'wrong' })).status, 401);
    assert.equal((await post({ grant_type: 'magic' })).status, 400);

    const changed = HASH.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'));
    await writeFile(htpasswd, `ci:${HASH}\nreader:${changed}\nroot:${HASH}\n#\n`);
    await eventually({ what: 'the old refresh token refused' }, async () => {
      const answer = await post({ grant_type: 'refresh_token', refresh_token: refresh });
      return answer.status === 401;
    });
  });

  test('An upload belongs to who began it; to another user with the same rights there is none', async () => {
    const send = (method: string, path: string, user: string, body = ''): Promise<HttpAnswer> =>
      wire.send(method, path, { headers: { authorization: basic(user, 'right') }, body });
    const { headers } = await send('POST', '/v2/team/app/blobs/uploads/', 'ci');
    const location = new URL(String(headers.location), node.baseUrl).pathname;
    const digest = `sha256:${'0'.repeat(64)}`;

    for (const [method, path] of [
      ['GET', location],
      ['HEAD', location],
      ['PATCH', location],
      ['PUT', `${location}?digest=${digest}`],
      ['DELETE', location],
    ] as const) {
      const answer = await send(method, path, 'root', method === 'PATCH' ? 'of another' : '');
      assert.equal(answer.status, 404, `${method}: ${answer.body.toString()}`);
      if (method !== 'HEAD') assertError(answer, 404, 'BLOB_UPLOAD_UNKNOWN');
    }

    const own = await send('PATCH', location, 'ci', 'own');
    assert.equal(own.status, 202, own.body.toString());
    assert.equal(own.headers['range'], '0-2');
    assert.equal((await send('DELETE', location, 'ci')).status, 204);
  });

  test('Who guesses passwords has to wait, and only he', async () => {
    const guesses = await Promise.all(
      Array.from({ length: 20 }, (_, index) => get('/v2/', basic('root', `guess-${index}`))),
    );
    const slowed = guesses.filter(({ status }) => status === 429);
    const refused = guesses.filter(({ status }) => status === 401);
    assert.ok(slowed.length > 0 && slowed.length + refused.length === guesses.length);
    for (const answer of slowed) {
      assertError(answer, 429, 'TOOMANYREQUESTS');
      assert.ok(Number(answer.headers['retry-after']) >= 1);
    }
    assert.equal((await get('/v2/', basic('ci', 'right'))).status, 200);
  });
});

describe('a registry with passwords', () => {
  test('[A-7] Everybody with a login may do everything, nobody else anything', async () => {
    await using fleet = await ComposedFleet.start();
    const htpasswd = join(fleet.folder, 'htpasswd');
    await writeFile(htpasswd, `ci:${HASH}\n`);
    await using node = await fleet.startOwnNode({ access: { scheme: 'basic', htpasswd, realm: 'Registry Realm' } });
    const wire = new RegistryWire(node.baseUrl);

    const refused = await wire.send('GET', '/v2/');
    assertError(refused, 401, 'UNAUTHORIZED');
    assert.equal(refused.headers['www-authenticate'], 'Basic realm="Registry Realm"');
    for (const path of ['/v2/', '/v2/_catalog']) {
      const answer = await wire.send('GET', path, { headers: { authorization: basic('ci', 'right') } });
      assert.equal(answer.status, 200);
    }
    const wrong = await wire.send('GET', '/v2/', { headers: { authorization: basic('ci', 'left') } });
    assertError(wrong, 401, 'UNAUTHORIZED');
  });

  test('A registry whose users cannot be read does not start', async () => {
    await using fleet = await ComposedFleet.start();
    const htpasswd = join(fleet.folder, 'none');
    await assert.rejects(
      fleet.startOwnNode({ access: { scheme: 'basic', htpasswd } }),
      /is not there; make it with: htpasswd -Bc /,
    );
  });
});
