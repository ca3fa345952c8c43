import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';

const FOLDER = '/proc/self/fd';

/** The files under `folder` that this process has open, deleted ones too. Linux only: elsewhere none is seen. */
export async function descriptorsUnder(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(FOLDER).catch(() => [])) {
    const target = await readlink(join(FOLDER, name)).catch(() => ''); // closed meanwhile
    if (target.startsWith(folder)) found.push(target);
  }
  return found;
}
