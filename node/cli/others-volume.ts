// What the registry container left in a root directory that we are given now.

import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from '../../shared/runtime/log.ts';

/**
 * Its images are neither read nor changed; whoever expected to see them is told what to type.
 * @param own.data our folder, beside the container's. @param own.program as people type it.
 */
export async function tellOfOthersVolume(
  log: Logger,
  own: { readonly data: string; readonly program: string },
): Promise<void> {
  const root = dirname(own.data);
  const repositories = join(root, 'docker/registry/v2/repositories');
  const names = await readdir(repositories).catch(() => []); // there is none, or not for us to see
  if (names.length === 0) return;
  const advice = `to bring them in: ${own.program} import ${root} --data ${own.data}`;
  log.warn(
    { folder: repositories, advice },
    'images of the registry container are here; they stay as they are, and are not served until they are brought in',
  );
}
