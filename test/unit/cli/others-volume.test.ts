// A folder of the registry container that is given to Shoal.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { tellOfOthersVolume } from '../../../node/cli/others-volume.ts';
import { dataFolder } from '../../../shared/runtime/data-folder.ts';
import { silentLogger, type Logger } from '../../../shared/runtime/log.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

test('What to type is a warning at the first start, a note at later ones, and nothing where there are no images', async () => {
  await using folder = await openTemporaryFolder('volume');
  const { path: root } = folder;
  const said: object[] = [];
  const say = (level: string) => (fields: object) => void said.push({ level, ...fields });
  const log: Logger = { ...silentLogger, info: say('info'), warn: say('warn') };
  const data = join(root, 'shoal');
  const tell = (): Promise<void> => tellOfOthersVolume(log, { root, data, program: 'scripts/shoal' });
  const images = join(root, 'docker/registry/v2/repositories');

  await tell();
  await mkdir(images, { recursive: true });
  await tell();
  assert.deepEqual(said, []);
  await mkdir(join(images, 'app'));
  await tell();
  await mkdir(data);
  await writeFile(dataFolder(data).database, '');
  await tell();

  const advice = `to bring them in: scripts/shoal import ${root} --data ${data}`;
  assert.deepEqual(said, [
    { level: 'warn', folder: images, advice },
    { level: 'info', folder: images, advice },
  ]);
});
