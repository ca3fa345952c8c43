// Rights in a registry that is a cache: what nobody may see is not asked for, and what is here is shown to those alone who may see it.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ComposedFleet } from '../../support/composed-fleet.ts';
import { FakeUpstream } from '../../support/fake-upstream.ts';
import { basicCredentials, HASH_OF_RIGHT } from '../../support/htpasswd.ts';
import { RegistryWire } from '../../support/registry-wire.ts';

test('What somebody has no right to is neither asked of an upstream nor given from its copy', async () => {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const htpasswd = join(fleet.folder, 'htpasswd');
  await writeFile(htpasswd, `owner:${HASH_OF_RIGHT}\nother:${HASH_OF_RIGHT}\n`);
  const node = await fleet.startOwnNode({
    access: {
      scheme: 'token',
      htpasswd,
      grants: [
        'owner pull up.example/org/**',
        'other pull,push team/**',
        'other pull up.example/org',
        'other pull org/*/x',
      ],
    },
    upstreams: { registries: [{ name: 'up.example', url: upstream.url }], default: 'up.example', freshMs: 0 },
  });
  const wire = new RegistryWire(node.baseUrl);
  const send = (method: string, path: string, user?: string) => {
    const login = user === undefined ? {} : { authorization: basicCredentials(user, 'right') };
    return wire.send(method, path, { headers: { 'content-length': '0', ...login } });
  };
  const image = upstream.hold('org/app', 'v1', Buffer.from('private'));
  const names = [
    ['up.example/org/app', ''],
    ['org/app', '?ns=up.example'],
    ['org/app', `?ns=127.0.0.1:${upstream.port}`],
    ['org/app', '?ns=UP.example'],
    ['org/app', '?ns=up.example&ns=team'],
    ['org/app', ''],
  ] as const;
  const expectNothing = async (): Promise<void> => {
    const before = upstream.requests.length;
    for (const user of [undefined, 'other']) {
      for (const [name, query] of names) {
        for (const what of [
          'manifests/v1',
          `manifests/${image.digest}`,
          `blobs/${image.layer}`,
          'tags/list',
          `referrers/${image.digest}`,
        ])
          for (const method of ['GET', 'HEAD', 'DELETE', 'PUT']) {
            const { status } = await send(method, `/v2/${name}/${what}${query}`, user);
            assert.ok([401, 403].includes(status), `${status} for ${method} ${name}/${what}${query}`);
          }
        const mount = `/v2/team/x/blobs/uploads/?mount=${image.layer}&from=${name}`;
        assert.ok([401, 403].includes((await send('POST', mount, user)).status), mount);
      }
      assert.ok([401, 403].includes((await send('GET', '/v2/_catalog', user)).status));
    }
    const search = await send('GET', '/v1/search?q=app', 'other');
    assert.ok(!search.body.toString().includes('org/app'), search.body.toString());
    assert.equal((await send('POST', `/v2/team/x/blobs/uploads/?mount=${image.layer}`, 'other')).status, 202);
    assert.equal(upstream.requests.length, before);
  };

  await expectNothing();
  assert.equal((await send('GET', '/v2/up.example/org/app/manifests/v1', 'owner')).status, 200);
  assert.equal((await send('GET', `/v2/up.example/org/app/blobs/${image.layer}`, 'owner')).status, 200);
  await expectNothing();
});
