// What the registry container left in a root directory that we are given now.

import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { dataFolder } from '../../shared/runtime/data-folder.ts';
import type { Logger } from '../../shared/runtime/log.ts';

/**
 * Its images are neither read nor changed; whoever expected to see them is told what to type: as a warning at the first start
 * with our own data, and later as a note, since they may have been brought in.
 * @param own.root where the container has its data. @param own.data our folder. @param own.program as people type it.
 */
export async function tellOfOthersVolume(
  log: Logger,
  own: { readonly root: string; readonly data: string; readonly program: string },
): Promise<void> {
  const folder = join(own.root, 'docker/registry/v2/repositories');
  const names = await readdir(folder).catch(() => []); // there is none, or not for us to see
  if (names.length === 0) return;
  const advice = `to bring them in: ${own.program} import ${own.root} --data ${own.data}`;
  const what =
    'images of the registry container are here; they stay as they are, and are not served until they are brought in';
  const isFirstStart = await access(dataFolder(own.data).database).then(
    () => false,
    () => true, // or not for us to see, and then the start says so
  );
  if (isFirstStart) log.warn({ folder, advice }, what);
  else log.info({ folder, advice }, what);
}
