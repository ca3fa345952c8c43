// The commands that README.md tells people to type: each fenced block under a `<!-- tour: name -->` line.

import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const BLOCK = /^<!-- tour: (.+) -->\n```sh\n([\s\S]*?)^```$/gm;

/** Shell text by the name of its block. */
export class ReadmeTour {
  readonly #blocks: ReadonlyMap<string, string>;

  private constructor(blocks: ReadonlyMap<string, string>) {
    this.#blocks = blocks;
  }

  static async read(): Promise<ReadmeTour> {
    const text = await readFile(join(root, 'README.md'), 'utf8');
    return new ReadmeTour(new Map([...text.matchAll(BLOCK)].map(([, name = '', shell = '']) => [name, shell])));
  }

  get names(): readonly string[] {
    return [...this.#blocks.keys()];
  }

  /**
   * A block, as the command that runs it. @param replaced words that differ from reader to reader: what stands in the
   * README, and what stands for it here. @throws {Error} when there is no such block or word.
   */
  command(name: string, replaced: Readonly<Record<string, string>> = {}): readonly string[] {
    let shell = this.#blocks.get(name);
    if (shell === undefined) throw new Error(`README.md has no tour block named ${name}`);
    for (const [printed, here] of Object.entries(replaced)) {
      if (!shell.includes(printed)) throw new Error(`the tour block ${name} does not say ${printed}`);
      shell = shell.replaceAll(printed, here);
    }
    return ['sh', '-eu', '-c', shell];
  }
}

/** Makes a folder that stands for a checkout, with data of its own: the commands of the README run in it as printed. */
export async function openCheckout(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const name of ['scripts', 'package.json']) await symlink(join(root, name), join(folder, name));
  return folder;
}
