import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of its own for one test; disposing removes it, unless SHOAL_TEST_KEEP is set to look into it afterwards. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
}

/** @param name goes into the folder's name, for whoever looks into the temporary folder. */
export async function openTemporaryFolder(name = 'test'): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), `shoal-${name}-`));
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      if (process.env['SHOAL_TEST_KEEP'] !== undefined) return;
      await rm(path, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
