import assert from 'node:assert/strict';
import { stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeFolders } from '../../../shared/runtime/make-folders.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

const OWNER_ONLY = 0o700;

test('A folder is made with all above it, for the owner alone, and may be there already', async () => {
  await using folder = await openTemporaryFolder('make-folders');
  const path = join(folder.path, 'a', 'b', 'c');

  await Promise.all([makeFolders(path, OWNER_ONLY), makeFolders(path, OWNER_ONLY)]);
  await makeFolders(path, OWNER_ONLY);
  await makeFolders('/', OWNER_ONLY);

  for (const each of [path, join(path, '..'), join(path, '../..')])
    assert.equal((await stat(each)).mode & 0o777, OWNER_ONLY, each);
});

test('A link to a folder counts as one; a file in the way, and a link to nothing, are what the system calls them', async () => {
  await using folder = await openTemporaryFolder('make-folders');
  const [file, link, dangling] = [join(folder.path, 'file'), join(folder.path, 'link'), join(folder.path, 'dangling')];
  await writeFile(file, '');
  await symlink(folder.path, link);
  await symlink(join(folder.path, 'nowhere'), dangling);

  await makeFolders(join(link, 'below'), OWNER_ONLY);

  assert.ok((await stat(join(folder.path, 'below'))).isDirectory());
  await assert.rejects(makeFolders(file, OWNER_ONLY), { code: 'EEXIST' });
  await assert.rejects(makeFolders(join(file, 'below'), OWNER_ONLY), { code: 'ENOTDIR' });
  await assert.rejects(makeFolders(dangling, OWNER_ONLY), { code: 'EEXIST' });
});

test(
  'Where the system takes no new folders, that is said, and not tried for ever',
  { skip: process.platform === 'linux' ? false : 'needs /proc' },
  async () => {
    for (const path of ['/proc/x', '/proc/x/authority'])
      await assert.rejects(makeFolders(path, OWNER_ONLY), {
        code: 'config_invalid',
        message:
          '/proc/x cannot be made: the file system of /proc takes no new folders; choose another folder with --data',
      });
  },
);
