// known/peers.json: the peers that this node knew lately, the latest first.

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Check } from 'typebox/value';
import Type from 'typebox';
import { Peer } from '../../shared/protocol/coordinator-methods.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { PeerMemory } from '../content/peer-memory.ts';
import { hasCode } from './flushed-file.ts';
import { DIRECTORY_MODE, FILE_MODE, TEMPORARY_SUFFIX } from './store-paths.ts';

const PeerList = Type.Array(Peer);

/** A file that is replaced as a whole. A crash leaves the one before, or one that counts as empty. */
export class KnownPeersFile implements PeerMemory {
  readonly #log: Logger;
  readonly #directory: string;

  constructor(deps: { readonly log: Logger }, options: { readonly directory: string }) {
    this.#log = deps.log;
    this.#directory = options.directory;
  }

  async load(): Promise<readonly Peer[]> {
    try {
      const raw: unknown = JSON.parse(await readFile(this.#path, 'utf8'));
      if (Check(PeerList, raw)) return raw;
      this.#log.warn({ path: this.#path }, 'known peers cannot be read; starting without');
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) this.#log.warn({ err: error }, 'known peers cannot be read; starting without');
    }
    return [];
  }

  async save(peers: readonly Peer[]): Promise<void> {
    const temporary = this.#path + TEMPORARY_SUFFIX;
    await mkdir(this.#directory, { recursive: true, mode: DIRECTORY_MODE });
    await writeFile(temporary, `${JSON.stringify(peers)}\n`, { mode: FILE_MODE });
    await rename(temporary, this.#path);
  }

  get #path(): string {
    return join(this.#directory, 'peers.json');
  }
}
