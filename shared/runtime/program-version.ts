// The version of this program, from the package that it was installed with.

import { readFile } from 'node:fs/promises';

/** Sources lie two folders below package.json, what was built three. */
const CANDIDATES = ['../../package.json', '../../../package.json'];

/** For example `0.1.0`. */
export async function readProgramVersion(): Promise<string> {
  for (const candidate of CANDIDATES) {
    const text = await readFile(new URL(candidate, import.meta.url), 'utf8').catch(() => undefined);
    const version = text === undefined ? undefined : /"version":\s*"([^"]{1,64})"/.exec(text)?.[1];
    if (version !== undefined) return version;
  }
  return 'unknown'; // copied without its package.json: everything but this name works
}
