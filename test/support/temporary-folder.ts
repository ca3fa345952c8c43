// Folders for tests. Their names carry the process id, so that what a crashed run left behind is known as such.

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isProcessAlive } from './process-alive.ts';

/** A folder of its own for one test; disposing removes it, unless SHOAL_TEST_KEEP is set to look into it afterwards. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
}

/** @param name goes into the folder's name, for whoever looks into the temporary folder. */
export async function openTemporaryFolder(name = 'test'): Promise<TemporaryFolder> {
  await removeStaleFolders();
  const isKept = process.env['SHOAL_TEST_KEEP'] !== undefined;
  const prefix = isKept ? `shoal-kept-${name}-` : `shoal-test-${process.pid}-${name}-`;
  const path = await mkdtemp(join(tmpdir(), prefix));
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      if (!isKept) await removeFolder(path);
    },
  };
}

async function removeStaleFolders(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = /^shoal-test-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || isProcessAlive(Number(pid))) continue;
    // What still uses it, or removes it at this moment, is none of this test's business.
    await removeFolder(join(tmpdir(), name)).catch(() => undefined);
  }
}

async function removeFolder(path: string): Promise<void> {
  // A process that was killed may go on writing for a moment: 5.5 s together.
  await rm(path, { recursive: true, force: true, maxRetries: 10 });
}
