// Who of the peers that we know holds a blob, and how it is cut according to them: for the time when the coordinator is away.

import type { Digest } from '../../shared/oci/digest.ts';
import type { PieceTable } from '../../shared/pieces/piece-table.ts';
import type { Peer } from '../../shared/protocol/peer-shape.ts';
import { isAppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { KnownPeers } from './known-peers.ts';
import type { Peers } from './peers.ts';
import type { PieceTables } from './piece-tables.ts';

/** Peers asked at a time, the next when one answered: a dead one then holds up no more than its share. */
const ASKED_AT_A_TIME = 8;
/** Holders after which no further peer is asked: as many neighbours as are of use. */
const ENOUGH_HOLDERS = 8;

/** One peer's answer. */
export interface FoundHolder {
  readonly peer: Peer;
  readonly table: PieceTable;
}

export class HolderSearch {
  readonly #known: KnownPeers;
  readonly #peers: Peers;
  readonly #tables: PieceTables;
  readonly #log: Logger;

  constructor(deps: {
    readonly known: KnownPeers;
    readonly peers: Peers;
    readonly tables: PieceTables;
    readonly log: Logger;
  }) {
    this.#known = deps.known;
    this.#peers = deps.peers;
    this.#tables = deps.tables;
    this.#log = deps.log;
  }

  /**
   * Asks everybody known, the connected ones first. Resolves when all were asked or there are enough holders.
   * @param found told of each holder at once. @throws the signal's reason
   */
  async run(
    blob: { readonly digest: Digest; readonly sizeBytes: number },
    found: (holder: FoundHolder) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const next = this.#inOrder()[Symbol.iterator](); // shared by the workers below: each takes the next peer
    let holderCount = 0;
    const askNext = async (): Promise<void> => {
      for (let turn = next.next(); turn.done !== true; turn = next.next()) {
        if (holderCount >= ENOUGH_HOLDERS) return;
        const table = await this.#ask(turn.value, blob, signal);
        if (table === undefined) continue;
        holderCount += 1;
        found({ peer: turn.value, table });
      }
    };
    await Promise.all(Array.from({ length: ASKED_AT_A_TIME }, askNext));
  }

  #inOrder(): Peer[] {
    const known = this.#known.list().filter(({ nodeId }) => !this.#peers.isRefused(nodeId));
    const isConnected = ({ nodeId }: Peer): boolean => this.#peers.get(nodeId) !== undefined;
    return [...known.filter(isConnected), ...known.filter((peer) => !isConnected(peer))];
  }

  async #ask(
    peer: Peer,
    blob: { readonly digest: Digest; readonly sizeBytes: number },
    signal: AbortSignal,
  ): Promise<PieceTable | undefined> {
    try {
      const connection = await this.#peers.connect(peer, signal);
      return await this.#tables.fetch(connection, blob, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!isAppError(error)) throw error;
      this.#log.debug({ peer: peer.nodeId, digest: blob.digest, err: error }, 'a known peer gave no piece table');
      return undefined;
    }
  }
}
