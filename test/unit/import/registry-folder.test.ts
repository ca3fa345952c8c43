// A folder that a registry left, or somebody who means harm.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { RegistryFolder } from '../../../node/import/registry-folder.ts';
import { isDigest, parseDigest } from '../../../shared/oci/digest.ts';
import { isRepositoryName, isTag } from '../../../shared/oci/reference.ts';
import { systemClock, type Clock } from '../../../shared/runtime/clock.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';
import { OldRegistryFolder } from '../../support/old-registry-folder.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

/** Nobody writes here meanwhile, so that looking again needs no pause. */
const clock: Clock = { ...systemClock, sleep: async () => undefined };
const ignore = (): void => undefined;

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

test('A registry is found by its folder and by any folder on the way into it', async () => {
  await using folder = await openTemporaryFolder('layout');
  const old = new OldRegistryFolder(join(folder.path, 'lib'));
  await old.addImage('team/app', ['v1'], 'x');
  await symlink(old.root, join(folder.path, 'link'));

  for (const below of ['lib', 'lib/docker', 'lib/docker/registry', 'lib/docker/registry/v2', 'link']) {
    const opened = await RegistryFolder.open({ clock }, join(folder.path, below));
    assert.deepEqual(await all(opened.repositories(ignore)), ['team/app'], below);
  }
  await assert.rejects(RegistryFolder.open({ clock }, join(folder.path, 'none')), /is not there/);
  await assert.rejects(RegistryFolder.open({ clock }, folder.path), /is not the storage of a registry/);
});

test('A repository within another one is found, and what may not be a name is told', async () => {
  await using folder = await openTemporaryFolder('layout');
  const old = new OldRegistryFolder(folder.path);
  for (const name of ['team', 'team/app', 'team/app/cache']) await old.addImage(name, ['v1'], 'x');
  await mkdir(old.repository('Team'), { recursive: true });
  await mkdir(old.repository('_manifests'), { recursive: true });
  const told: string[] = [];

  const opened = await RegistryFolder.open({ clock }, folder.path);
  const names = await all(opened.repositories((what) => told.push(what)));

  assert.deepEqual(names, ['team', 'team/app', 'team/app/cache']);
  assert.deepEqual(told, ['"Team" is not a name that a repository may have']);
});

test('A link that is empty for a moment, as a registry that runs leaves one, is read when it is written', async () => {
  await using folder = await openTemporaryFolder('layout');
  const old = new OldRegistryFolder(folder.path);
  const { digest, layer } = await old.addImage('app', ['v1'], 'x');
  const tag = old.repository('app', '_manifests/tags/v1/current/link');
  const held = old.repository('app', '_layers', ...layer.split(':'), 'link');
  await truncate(tag);
  await truncate(held);
  const written = new Map([
    [1, () => old.writeLink(tag, digest)],
    [4, () => old.writeLink(held, layer)],
  ]);
  let pauses = 0;
  const writing: Clock = {
    ...systemClock,
    sleep: async () => {
      pauses += 1;
      await written.get(pauses)?.();
    },
  };

  const opened = await RegistryFolder.open({ clock: writing }, folder.path);

  assert.deepEqual(await all(opened.tags('app', ignore)), [{ tag: 'v1', digest }]);
  assert.equal((await opened.blob('app', { digest: parseDigest(layer) })).sizeBytes, 1);
  await truncate(held);
  await assert.rejects(opened.blob('app', { digest: parseDigest(layer) }), /the link of the blob .* is damaged/);
});

test('A pipe in the place of a file holds nobody up', async () => {
  await using folder = await openTemporaryFolder('layout');
  const old = new OldRegistryFolder(folder.path);
  const { digest } = await old.addImage('app', ['v1'], 'x');
  const link = old.repository('app', '_manifests/tags/pipe/current/link');
  await mkdir(dirname(link), { recursive: true });
  execFileSync('mkfifo', [link]);
  const told: string[] = [];

  const opened = await RegistryFolder.open({ clock }, folder.path);
  const tags = await all(opened.tags('app', (what) => told.push(what)));

  assert.deepEqual(tags, [{ tag: 'v1', digest }]);
  assert.deepEqual(told, ['the tag pipe leads nowhere: its link is gone']);
});

const WORDS = [
  'app',
  'a'.repeat(200),
  'B',
  '..x',
  '_manifests',
  '_layers',
  'tags',
  'revisions',
  'current',
  'link',
  'sha256',
];
const LINKS = ['', 'sha256:', `sha256:${'f'.repeat(64)}`, `sha256:${'f'.repeat(64)}\n`, 'x'.repeat(500), '\0'];

test('Whatever lies in the folder, only legal names come out of it, and only expected failures', async () => {
  await using folder = await openTemporaryFolder('layout');
  const word = fc.constantFrom(...WORDS, 'f'.repeat(64), 'v1', '%2f', ' ', '\n', 'é');
  const file = fc.tuple(fc.array(word, { minLength: 1, maxLength: 8 }), fc.constantFrom(...LINKS));
  let count = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(file, { maxLength: 12 }), async (files) => {
      count += 1;
      const root = join(folder.path, String(count));
      for (const name of ['blobs', 'repositories']) await mkdir(join(root, name), { recursive: true });
      for (const [names, text] of files) await writeIfRoom(join(root, 'repositories', ...names), text);
      const opened = await RegistryFolder.open({ clock }, root);

      for (const repository of await all(opened.repositories(ignore))) {
        assert.ok(isRepositoryName(repository), repository);
        for (const { tag, digest } of await all(opened.tags(repository, ignore)))
          assert.ok(isTag(tag) && isDigest(digest));
        for (const digest of await all(opened.revisions(repository, ignore)))
          await assert.rejects(opened.manifest(repository, digest), (error) => isAppError(error));
      }
    }),
    { numRuns: 60 },
  );
});

/** A file of an earlier path may be in the way of a folder of this one. */
async function writeIfRoom(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (!['EEXIST', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG'].includes(String(code))) throw error;
  }
}
