// What a person types to run this program again: `shoal` where it is installed, else the script of the checkout.

import { access, constants } from 'node:fs/promises';
import { delimiter, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Sources lie two folders below the checkout, what was built three. */
const SCRIPTS = ['../../scripts/shoal', '../../../scripts/shoal'];

/** @param options.path PATH of the environment. @param options.folder where the person is. */
export async function typedName(options: {
  readonly path: string | undefined;
  readonly folder: string;
}): Promise<string> {
  for (const folder of (options.path ?? '').split(delimiter)) {
    if (folder !== '' && (await isProgram(join(folder, 'shoal')))) return 'shoal';
  }
  for (const script of SCRIPTS) {
    const path = fileURLToPath(new URL(script, import.meta.url));
    if (!(await isProgram(path))) continue;
    const short = relative(options.folder, path);
    if (short.startsWith('..')) return path;
    return short.includes('/') ? short : `./${short}`; // without a slash a shell would look in PATH
  }
  return 'shoal';
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false; // not there, which is the answer
  }
}
