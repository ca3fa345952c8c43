// A document in docs/ that a script makes: written, or with --check compared.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { repositoryRoot } from './repository-files.ts';

/**
 * Writes a made document. With `--check` on the command line it only says whether the file is up to date, and the
 * process ends with 1 when it is not.
 */
export async function writeOrCheck(document: {
  /** From the top of the repository. */
  readonly file: string;
  readonly text: string;
  /** The script that makes it. */
  readonly madeBy: string;
}): Promise<void> {
  const target = join(repositoryRoot, document.file);
  if (!process.argv.includes('--check')) {
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, document.text);
    console.error(`wrote ${document.file}`);
    return;
  }
  const found = await readFile(target, 'utf8').catch(() => '');
  if (found === document.text) return;
  console.error(`${document.file} is out of date: npx tsx ${document.madeBy}`);
  process.exitCode = 1;
}
