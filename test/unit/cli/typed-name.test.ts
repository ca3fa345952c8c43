import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { typedName } from '../../../node/cli/typed-name.ts';
import { repositoryRoot } from '../../../scripts/repository-files.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

test('In a checkout the script is named as one types it there, and by its whole path elsewhere', async () => {
  assert.equal(await typedName({ path: undefined, folder: repositoryRoot }), 'scripts/shoal');
  assert.equal(
    await typedName({ path: '', folder: join(repositoryRoot, 'docs') }),
    join(repositoryRoot, 'scripts/shoal'),
  );
});

test('Where shoal is installed its name is enough', async () => {
  await using folder = await openTemporaryFolder('path');
  await writeFile(join(folder.path, 'shoal'), '');
  await chmod(join(folder.path, 'shoal'), 0o755);

  assert.equal(await typedName({ path: `/nowhere:${folder.path}`, folder: '/' }), 'shoal');
});
