// Which data folder a command means, when the one that it was given is not one.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { adminTarget, memberTarget } from '../../../node/cli/fleet-access.ts';
import { dataFolder } from '../../../shared/runtime/data-folder.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

test('Who gives the root directory of the registry container is told of the folder within it', async () => {
  await using folder = await openTemporaryFolder('access');
  const { path: root } = folder;
  const own = join(root, 'shoal');
  const hint = new RegExp(` This host has one: --data ${own}$`);

  await assert.rejects(memberTarget(root, silentLogger), /knows of no fleet/);
  await mkdir(own);
  await writeFile(dataFolder(own).nodeIdentity, '{}');
  await assert.rejects(memberTarget(root, silentLogger), hint);
  await assert.rejects(
    adminTarget(root, silentLogger),
    (error: Error) => !hint.test(error.message), // only a node has run there
  );
  await writeFile(dataFolder(own).adminAccess, '{}');
  await assert.rejects(adminTarget(root, silentLogger), hint);
});
