// What this node knew of others lately, each in a small file of its own under known/:
//
//   peers.json        the peers, the latest first
//   rendezvous.json   where the DHT of the fleet is; `null` while hyperswarm is off

import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Check } from 'typebox/value';
import Type, { type Static, type TSchema } from 'typebox';
import { Peer } from '../../shared/protocol/peer-shape.ts';
import { Rendezvous } from '../../shared/protocol/rendezvous.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { makeFolders } from '../../shared/runtime/make-folders.ts';
import type { PeerMemory, RendezvousMemory } from '../content/peer-memory.ts';
import { hasCode } from './flushed-file.ts';
import { FOLDER_MODE, FILE_MODE, TEMPORARY_SUFFIX } from './store-paths.ts';

const PeerList = Type.Array(Peer);
const MaybeRendezvous = Type.Union([Rendezvous, Type.Null()]);

/** A file that is replaced as a whole. A crash leaves the one before, or one that counts as absent. */
class KnownFile<S extends TSchema> {
  readonly #schema: S;
  readonly #log: Logger;
  readonly #folder: string;
  readonly #path: string;

  constructor(
    deps: { readonly log: Logger },
    options: { readonly folder: string; readonly name: string; readonly schema: S },
  ) {
    this.#log = deps.log;
    this.#schema = options.schema;
    this.#folder = options.folder;
    this.#path = join(options.folder, options.name);
  }

  async load(): Promise<Static<S> | undefined> {
    try {
      const raw: unknown = JSON.parse(await readFile(this.#path, 'utf8'));
      if (Check(this.#schema, raw)) return raw;
      this.#log.warn({ path: this.#path }, 'known peers cannot be read; starting without');
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) this.#log.warn({ err: error }, 'known peers cannot be read; starting without');
    }
    return undefined;
  }

  async save(value: Static<S>): Promise<void> {
    const temporary = this.#path + TEMPORARY_SUFFIX;
    await makeFolders(this.#folder, FOLDER_MODE);
    await writeFile(temporary, `${JSON.stringify(value)}\n`, { mode: FILE_MODE });
    await rename(temporary, this.#path);
  }
}

/** known/peers.json */
export class KnownPeersFile implements PeerMemory {
  readonly #file: KnownFile<typeof PeerList>;

  constructor(deps: { readonly log: Logger }, options: { readonly folder: string }) {
    this.#file = new KnownFile(deps, { ...options, name: 'peers.json', schema: PeerList });
  }

  async load(): Promise<readonly Peer[]> {
    return (await this.#file.load()) ?? [];
  }

  async save(peers: readonly Peer[]): Promise<void> {
    await this.#file.save([...peers]);
  }
}

/** known/rendezvous.json */
export class KnownRendezvousFile implements RendezvousMemory {
  readonly #file: KnownFile<typeof MaybeRendezvous>;

  constructor(deps: { readonly log: Logger }, options: { readonly folder: string }) {
    this.#file = new KnownFile(deps, { ...options, name: 'rendezvous.json', schema: MaybeRendezvous });
  }

  async load(): Promise<Rendezvous | undefined> {
    return (await this.#file.load()) ?? undefined;
  }

  async save(rendezvous: Rendezvous | undefined): Promise<void> {
    await this.#file.save(rendezvous === undefined ? null : { ...rendezvous, bootstrap: [...rendezvous.bootstrap] });
  }
}
