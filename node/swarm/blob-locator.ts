// How a blob is cut and who has it: the coordinator says it, or while it is away the peers that we know.

import type { Digest } from '../../shared/oci/digest.ts';
import { impliedTable } from '../../shared/pieces/implied-table.ts';
import { isSameTable, parsePieceTable, type PieceTable } from '../../shared/pieces/piece-table.ts';
import type { CoordinatorLink, NamedPeer } from '../../shared/protocol/coordinator-methods.ts';
import type { Peer } from '../../shared/protocol/peer-shape.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import { joinSignals } from '../../shared/runtime/joined-signal.ts';
import type { FoundHolder, HolderSearch } from './holder-search.ts';
import type { KnownPeers } from './known-peers.ts';
import { isFindable } from './piece-tables.ts';
import type { TableTrust } from './shared-blob.ts';
import type { TableDoubts } from './table-doubts.ts';

/** Wait before the coordinator is asked again after it could not be, and the peers after none of them had the blob. */
const RETRY_MS = 300;
/** After the first peer gave a table others have so long to agree or disagree; it is the time of a dial in a busy LAN. */
const OPINIONS_MS = 250;

interface Blob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface LocatedBlob {
  readonly table: PieceTable;
  readonly neighbours: readonly NamedPeer[];
  readonly trust: TableTrust;
  /** Peers gave different tables, so that some of them lie: no client gets anything before the digest decided. */
  readonly isDisputed: boolean;
}

export interface BlobLocatorDeps {
  readonly link: CoordinatorLink;
  readonly clock: Clock;
  readonly known: KnownPeers;
  readonly search: HolderSearch;
}

export class BlobLocator {
  readonly #deps: BlobLocatorDeps;

  constructor(deps: BlobLocatorDeps) {
    this.#deps = deps;
  }

  /**
   * Asks until somebody answers. A table in doubt is passed over for what peers say.
   * @throws {AppError} `blob_unavailable` when the coordinator knows no such blob; `digest_mismatch` when its table is wrong and
   * nobody has another; the signal's reason.
   */
  async locate(blob: Blob, doubts: TableDoubts, signal: AbortSignal): Promise<LocatedBlob> {
    for (;;) {
      const told = await this.askCoordinator(blob, signal);
      if (told !== undefined && !doubts.has(told.table)) return told;
      const found = await this.#askPeers(blob, doubts, signal);
      if (found !== undefined) return found;
      if (told !== undefined) {
        if (doubts.isDisproved(told.table)) {
          throw new AppError('digest_mismatch', 'the pieces that the fleet has do not make up this blob');
        }
        doubts.accept(told.table);
        return told;
      }
      await this.#deps.clock.sleep(RETRY_MS, signal);
    }
  }

  /** What known peers say of a blob's cut, also those that seemed to send wrong pieces of it. @throws the signal's reason */
  async opinions(blob: Blob, signal: AbortSignal): Promise<readonly FoundHolder[]> {
    const opinions: FoundHolder[] = [];
    if (isFindable(blob.sizeBytes)) await this.#deps.search.run(blob, (found) => opinions.push(found), signal);
    return opinions;
  }

  /** @returns undefined while it cannot be reached. @throws {AppError} `blob_unavailable` when it knows no such blob. */
  async askCoordinator(blob: Blob, signal: AbortSignal): Promise<LocatedBlob | undefined> {
    const { digest, sizeBytes } = blob;
    let answer;
    try {
      answer = await this.#deps.link.call('blob.locate', { digest }, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (isAppError(error, 'coordinator_unreachable', 'timed_out')) return undefined;
      throw error;
    }
    const { table, neighbours } = answer;
    this.#deps.known.note(neighbours);
    if (table === undefined) throw new AppError('blob_unavailable', 'the fleet does not know this blob');
    if (table.sizeBytes !== sizeBytes) {
      const detail = { wanted: sizeBytes, known: table.sizeBytes };
      throw new AppError('blob_unavailable', 'the fleet knows this blob with another size', { detail });
    }
    return { table: parsePieceTable(table), neighbours, trust: 'confirmed', isDisputed: false };
  }

  /** Known peers that give this very table for a blob, some of them at least. @throws the signal's reason */
  async holders(blob: Blob, table: PieceTable, signal: AbortSignal): Promise<readonly Peer[]> {
    const opinions = await this.opinions(blob, signal);
    return opinions.filter((found) => isSameTable(found.table, table)).map(({ peer }) => peer);
  }

  /** @returns undefined when no known peer has it, or when the coordinator came back meanwhile. */
  async #askPeers(blob: Blob, doubts: TableDoubts, signal: AbortSignal): Promise<LocatedBlob | undefined> {
    const implied = impliedTable(blob);
    if (implied?.sizeBytes === 0) {
      return { table: implied, neighbours: [], trust: 'confirmed', isDisputed: false };
    }
    if (!isFindable(blob.sizeBytes)) return undefined;
    const opinions = await this.#gatherOpinions(blob, signal);
    const tables = opinions.filter(({ table }) => implied === undefined || isSameTable(table, implied));
    const best = mostShared(tables.filter(({ table }) => !doubts.has(table)));
    if (best === undefined) return undefined;
    const neighbours = tables.filter(({ table }) => isSameTable(table, best)).map(({ peer }) => peer);
    const trust = implied === undefined ? 'provisional' : 'confirmed';
    return { table: best, neighbours, trust, isDisputed: neighbours.length < tables.length };
  }

  /** Tables of peers: all that come until a moment after the first. */
  async #gatherOpinions(blob: Blob, signal: AbortSignal): Promise<readonly FoundHolder[]> {
    const { clock, link, search } = this.#deps;
    const enough = new AbortController();
    using ended = joinSignals([signal, enough.signal]);
    const opinions: FoundHolder[] = [];
    const removeListener = link.listen({ onConnected: () => enough.abort() });
    try {
      await search.run(
        blob,
        (found) => {
          if (opinions.push(found) === 1) clock.schedule(OPINIONS_MS, () => enough.abort());
        },
        ended.signal,
      );
    } catch (error) {
      signal.throwIfAborted();
      if (!enough.signal.aborted) throw error;
    } finally {
      removeListener();
    }
    return opinions;
  }
}

/** An origin's table, else the one that most peers gave; the one that came first among equals. */
function mostShared(all: readonly FoundHolder[]): PieceTable | undefined {
  const ofOrigins = all.filter(({ peer }) => peer.isOrigin);
  const opinions = ofOrigins.length > 0 ? ofOrigins : all;
  const counted = opinions.map(({ table }) => ({
    table,
    count: opinions.filter((other) => isSameTable(other.table, table)).length,
  }));
  const most = Math.max(...counted.map(({ count }) => count));
  return counted.find(({ count }) => count === most)?.table;
}
