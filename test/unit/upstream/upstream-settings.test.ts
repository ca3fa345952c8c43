// What settings of upstreams mean, and what is wrong with those that mean nothing.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readUpstreams, type UpstreamSettings } from '../../../node/upstream/upstream-settings.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

type Registry = UpstreamSettings['registries'][number];

const read = (registries: readonly Registry[], defaultName?: string) =>
  readUpstreams({
    registries: [...registries],
    freshMs: 0,
    ...(defaultName === undefined ? {} : { default: defaultName }),
  });

test("Docker's hub has one name, whatever of its addresses is given", async () => {
  for (const url of ['https://registry-1.docker.io', 'docker.io', 'https://index.docker.io', 'https://docker.io/']) {
    const { upstreams, defaultName } = await read([{ url }], url);
    assert.equal(upstreams[0]?.name, 'docker.io');
    assert.equal(upstreams[0]?.url.href, 'https://registry-1.docker.io/');
    assert.equal(defaultName, 'docker.io');
  }
});

test('A password comes from the settings or from a file, and with a name alone', async () => {
  await using folder = await openTemporaryFolder('upstreams');
  const passwordFile = join(folder.path, 'password');
  await writeFile(passwordFile, 'from a file\n');

  const { upstreams } = await read([{ url: 'https://r.example', username: 'u', passwordFile }]);

  assert.deepEqual(upstreams[0]?.credentials, { username: 'u', password: 'from a file' });
});

test('What is wrong is said, and never with a password', async () => {
  const wrong: ReadonlyArray<readonly [readonly Registry[], RegExp]> = [
    [[{ url: 'ftp://r.example' }], /upstream 1 has no URL/],
    [[{ url: 'https://' }], /upstream 1 has no URL/],
    [[{ url: 'https://u:hidden@r.example' }], /do not belong into the URL/],
    [[{ url: 'https://r.example', username: 'u' }], /r\.example needs a username and a password/],
    [[{ url: 'https://r.example', password: 'hidden' }], /r\.example needs a username and a password/],
    [[{ url: 'https://r.example', username: 'u', password: 'hidden', passwordFile: '/f' }], /give one of them/],
    [[{ url: 'https://r.example', username: 'u', passwordFile: '/not/there' }], /\/not\/there cannot be read/],
    [[{ url: 'https://r.example', name: 'A/b' }], /cannot be part of a repository's name/],
    [[{ url: 'https://r.example' }, { url: 'http://r.example' }], /two are named r\.example/],
  ];
  for (const [registries, message] of wrong) {
    await assert.rejects(read(registries), (error: Error) => {
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /hidden/);
      return true;
    });
  }
  await assert.rejects(read([{ url: 'https://r.example' }], 'other'), /there is no upstream named other/);
});
