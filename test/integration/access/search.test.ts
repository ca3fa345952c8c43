// `docker search HOST:PORT/WORD`, with the real registry of a node: who finds what.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ComposedFleet } from '../../support/composed-fleet.ts';
import type { HttpAnswer } from '../../support/http-exchange.ts';
import { basicCredentials as basic, HASH_OF_RIGHT as HASH } from '../../support/htpasswd.ts';
import { RegistryWire } from '../../support/registry-wire.ts';

const REPOSITORIES = ['public/app', 'secret/app', 'team/app', 'team/some-tool'];

describe('GET /v1/search', () => {
  let fleet: ComposedFleet;
  let open: RegistryWire;
  let tokens: RegistryWire;
  let passwords: RegistryWire;

  before(async () => {
    fleet = await ComposedFleet.start();
    const htpasswd = join(fleet.folder, 'htpasswd');
    await writeFile(htpasswd, `ci:${HASH}\nreader:${HASH}\nroot:${HASH}\n`);
    const grants = ['anonymous pull public/**', 'ci pull,push team/*', 'root admin **'];
    const start = async (name: string, access: object): Promise<RegistryWire> => {
      const node = await fleet.startNode(name, { access });
      return new RegistryWire(node.baseUrl);
    };
    open = new RegistryWire((await fleet.startOwnNode()).baseUrl);
    tokens = await start('tokens', { scheme: 'token', htpasswd, grants });
    passwords = await start('passwords', { scheme: 'basic', htpasswd, grants: grants.slice(1) });
    for (const repository of REPOSITORIES) await open.pushEmptyImage(repository, 'v1');
  });
  after(() => fleet[Symbol.asyncDispose]());

  const ask = (wire: RegistryWire, query: string, authorization?: string): Promise<HttpAnswer> =>
    wire.send('GET', `/v1/search${query}`, { headers: authorization === undefined ? {} : { authorization } });
  const names = async (wire: RegistryWire, query: string, authorization?: string): Promise<readonly string[]> => {
    const answer = await ask(wire, query, authorization);
    assert.equal(answer.status, 200, answer.body.toString());
    const { results } = JSON.parse(answer.body.toString()) as { results: readonly { name: string }[] };
    return results.map(({ name }) => name);
  };

  test('answers in the form that docker reads', async () => {
    assert.equal((await open.send('GET', '/v1/_ping')).status, 200);
    assert.deepEqual(await open.json('/v1/search?q=tool&n=25'), {
      query: 'tool',
      num_results: 1,
      results: [{ name: 'team/some-tool', description: '', star_count: 0, is_official: false, is_automated: false }],
    });
  });

  test('finds what has the word in its name, letter by letter, and no more than was asked for', async () => {
    assert.deepEqual(await names(open, ''), REPOSITORIES);
    assert.deepEqual(await names(open, '?q=APP'), ['public/app', 'secret/app', 'team/app']);
    assert.deepEqual(await names(open, '?q=team/'), ['team/app', 'team/some-tool']);
    assert.deepEqual(await names(open, '?q=app&n=2'), ['public/app', 'secret/app']);
    assert.deepEqual(await names(open, '?q=%25'), []);
    assert.deepEqual(await names(open, '?q=_'), []);
    for (const wrong of ['?n=-1', '?n=x', `?q=${'a'.repeat(256)}`]) assert.equal((await ask(open, wrong)).status, 400);
  });

  test('lists to each who may pull it, and to nobody else', async () => {
    assert.deepEqual(await names(tokens, '?q=app'), ['public/app']);
    assert.deepEqual(await names(tokens, '?q=app', basic('ci', 'right')), ['public/app', 'team/app']);
    assert.deepEqual(await names(tokens, '?q=app', basic('root', 'right')), ['public/app', 'secret/app', 'team/app']);
    assert.deepEqual(await names(tokens, '?q=secret', basic('ci', 'right')), []);
    assert.deepEqual(await names(passwords, '?q=app', basic('ci', 'right')), ['team/app']);
    assert.deepEqual(await names(passwords, '?q=app', basic('reader', 'right')), []);
  });

  test('asks those for a login who see nothing without one, whether there is something or not', async () => {
    for (const [wire, word] of [
      [tokens, 'secret'],
      [tokens, 'nothing-has-this'],
      [passwords, 'app'],
      [passwords, 'nothing-has-this'],
    ] as const) {
      const answer = await ask(wire, `?q=${word}`);
      assert.equal(answer.status, 401);
      assert.ok(answer.headers['www-authenticate']);
    }
    assert.equal((await ask(passwords, '?q=app', basic('ci', 'wrong'))).status, 401);
    assert.equal((await ask(tokens, '?q=app', basic('ci', 'wrong'))).status, 401);
  });
});
