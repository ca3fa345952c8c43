// The commands that a page tells people to type: each fenced block under a `<!-- tour: name -->` line.

import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const BLOCK = /^<!-- tour: (.+) -->\n```(?:sh|yaml)\n([\s\S]*?)^```$/gm;

/** The text of each block by its name. */
export class ReadmeTour {
  readonly #file: string;
  readonly #blocks: ReadonlyMap<string, string>;

  private constructor(file: string, blocks: ReadonlyMap<string, string>) {
    this.#file = file;
    this.#blocks = blocks;
  }

  /** @param file from the top of the repository. */
  static async read(file = 'README.md'): Promise<ReadmeTour> {
    const text = await readFile(join(root, file), 'utf8');
    return new ReadmeTour(file, new Map([...text.matchAll(BLOCK)].map(([, name = '', shell = '']) => [name, shell])));
  }

  get names(): readonly string[] {
    return [...this.#blocks.keys()];
  }

  /** A block as it stands. @throws {Error} when there is no such block. */
  text(name: string): string {
    const text = this.#blocks.get(name);
    if (text === undefined) throw new Error(`${this.#file} has no tour block named ${name}`);
    return text;
  }

  /**
   * A block, as the command that runs it. @param replaced words that differ from reader to reader: what stands in the
   * README, and what stands for it here. @throws {Error} when there is no such block or word.
   */
  command(name: string, replaced: Readonly<Record<string, string>> = {}): readonly string[] {
    let shell = this.text(name);
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
