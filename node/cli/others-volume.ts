// What the registry container left in a root directory that we are given now.

import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from '../../shared/runtime/log.ts';

/** Its images are neither read nor changed; whoever expected to see them is told. @param data our own folder, beside its own. */
export async function tellOfOthersVolume(log: Logger, data: string): Promise<void> {
  const repositories = join(dirname(data), 'docker/registry/v2/repositories');
  const names = await readdir(repositories).catch(() => []); // there is none, or not for us to see
  if (names.length === 0) return;
  const advice = 'copy them over from a running registry:2, for example with skopeo sync';
  log.warn(
    { folder: repositories, advice },
    'images of the registry container are here; they stay as they are, and are not served',
  );
}
