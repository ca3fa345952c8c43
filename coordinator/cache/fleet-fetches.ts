// Blobs that one host of the fleet fetches from an upstream and the others read from each other meanwhile: what is known of their pieces, and
// who reads from whom. Pure, and only remembered: after a start the host that fetches says everything again.

import type { Digest } from '../../shared/oci/digest.ts';
import { HASH_BYTES } from '../../shared/pieces/piece-table.ts';
import { ProvisionalTable } from '../../shared/pieces/provisional-table.ts';
import { MAX_TOLD_PIECES } from '../../shared/protocol/cache-methods.ts';
import { HostQuotas } from './host-quotas.ts';
import { ReaderTree } from './reader-tree.ts';

/** A fetch of which nobody said or asked anything for so long is forgotten: a host that reads asks four times a second. */
const FORGET_MS = 15_000;
/** They are looked for so often at most, when another begins: going through all of them for each would be most of the work. */
const LOOK_EVERY_MS = 1_000;
/** Fetches at once that others read along; of further ones everybody waits for the whole. Far above what a fleet fetches at a time. */
const MAX_FETCHES = 10_000;
/** Hashes of all of them together, the tables of eight TiB: beyond that they grow no more, and the others wait for the whole. */
const MAX_HASH_BYTES = 64 * 1024 * 1024;
/** Hashes of one of them, the table of half a TiB, which no layer is: a size is only what a host says. */
const MAX_HASH_BYTES_PER_FETCH = 4 * 1024 * 1024;

interface Fetch {
  readonly fetchId: string;
  readonly repository: string;
  readonly table: ProvisionalTable;
  readonly readers: ReaderTree;
  readonly beganId: string;
  /** Whose turn it is, or was last. */
  fetcherId: string;
  heardMs: number;
  /** There was no room for its last hashes: who has not begun to read it waits for the whole. */
  isFull: boolean;
}

/** What a host says that fetches. */
export interface FetchOffer {
  readonly digest: Digest;
  readonly fetchId: string;
  readonly repository: string;
  readonly sizeBytes: number;
  readonly firstPiece: number;
  readonly hashes: Uint8Array;
}

/** What a host asks that reads along, or wants to. */
export interface ReadRequest {
  readonly repository: string;
  readonly fetchId?: string | undefined;
  readonly knownPieces: number;
  readonly isReading: boolean;
  readonly lost?: string | undefined;
}

/** The same as `FleetFetch` of the protocol, with ids of nodes. */
export interface FetchAnswer {
  readonly fetchId: string;
  readonly fetcher: string;
  readonly sizeBytes: number;
  readonly isOfRepository: boolean;
  readonly hashes: Uint8Array;
  readonly sourceId: string | undefined;
}

export interface Asker {
  readonly nodeId: string;
  readonly zone: string | undefined;
  readonly nowMs: number;
}

export class FleetFetches {
  readonly #fetches = new Map<Digest, Fetch>();
  #lookedMs = Number.NEGATIVE_INFINITY;
  /** What those who began them take of the limits. */
  readonly #counts = new HostQuotas(MAX_FETCHES);
  readonly #hashBytes = new HostQuotas(MAX_HASH_BYTES);

  /** The node whose turn it is says what came. @returns how many pieces are known now. */
  offer(offer: FetchOffer, { nodeId, zone, nowMs }: Asker): number {
    const fetch = this.#fetchOf(offer, { nodeId, nowMs });
    if (fetch === undefined) return 0;
    fetch.heardMs = nowMs;
    fetch.fetcherId = nodeId;
    fetch.readers.setRoot(nodeId, zone);
    const { beganId, table } = fetch;
    const { byteLength } = offer.hashes;
    const isTooLong = offer.firstPiece * HASH_BYTES + byteLength > MAX_HASH_BYTES_PER_FETCH;
    fetch.isFull = isTooLong || !this.#hashBytes.hasRoom(beganId, byteLength);
    if (fetch.isFull) return table.knownPieces;
    const before = table.hashBytes;
    const added = table.add(offer.firstPiece, offer.hashes);
    this.#hashBytes.take(beganId, table.hashBytes - before);
    // Who went on where another had been is told otherwise by its upstream: nobody is to believe either.
    if (added === 'contradicts') this.#forget(offer.digest);
    return added === 'contradicts' ? 0 : table.knownPieces;
  }

  /**
   * What a node that wants to read along gets to know.
   * @param role `fetcher` for the one whose turn it is: it reads from nobody.
   * @returns undefined when nothing is under way.
   */
  read(
    digest: Digest,
    request: ReadRequest,
    asker: Asker & { readonly role: 'reader' | 'fetcher' },
  ): FetchAnswer | undefined {
    const fetch = this.#fetches.get(digest);
    if (fetch === undefined) return undefined;
    const isKnown = request.fetchId === fetch.fetchId;
    if (fetch.heardMs + FORGET_MS < asker.nowMs && !(isKnown && request.isReading)) {
      this.#forget(digest);
      return undefined;
    }
    if (fetch.isFull && asker.role === 'reader' && !request.isReading) return undefined;
    const { fetchId, fetcherId: fetcher, table, repository } = fetch;
    const answer = {
      fetchId,
      fetcher,
      sizeBytes: table.sizeBytes,
      isOfRepository: repository === request.repository,
      hashes: table.hashes(isKnown ? request.knownPieces : 0, MAX_TOLD_PIECES),
    };
    if (asker.role === 'fetcher') {
      fetch.fetcherId = asker.nodeId;
      fetch.readers.setRoot(asker.nodeId, asker.zone);
    }
    if (asker.role === 'fetcher' || !request.isReading || !isKnown) return { ...answer, sourceId: undefined };
    fetch.heardMs = asker.nowMs;
    return {
      ...answer,
      sourceId: fetch.readers.sourceOf(asker.nodeId, { lost: request.lost, zone: asker.zone, nowMs: asker.nowMs }),
    };
  }

  /** A node gives up, or has fetched: then it stays the source of those who read from it. Who read all of it says nothing and stays, too. */
  end(digest: Digest, nodeId: string): void {
    const fetch = this.#fetches.get(digest);
    if (fetch !== undefined && fetch.fetcherId !== nodeId) fetch.readers.leave(nodeId);
    this.#forgetIfUnread(digest);
  }

  /** What the node fetched is not the blob: nobody is to go on with it. */
  revoke(digest: Digest, nodeId: string): void {
    if (this.#fetches.get(digest)?.fetcherId === nodeId) this.#forget(digest);
  }

  /** A node without a session gives nothing. */
  nodeLeft(nodeId: string): void {
    for (const [digest, fetch] of this.#fetches) {
      fetch.readers.leave(nodeId);
      this.#forgetIfUnread(digest);
    }
  }

  #fetchOf(
    offer: FetchOffer,
    { nodeId, nowMs }: { readonly nodeId: string; readonly nowMs: number },
  ): Fetch | undefined {
    const { digest, fetchId, repository, sizeBytes } = offer;
    const running = this.#fetches.get(digest);
    if (running !== undefined && running.fetchId === fetchId && running.table.sizeBytes === sizeBytes) return running;
    if (running !== undefined) this.#forget(digest);
    this.#forgetOld(nowMs);
    if (!this.#counts.hasRoom(nodeId, 1)) return undefined;
    const parts = { table: new ProvisionalTable(sizeBytes), readers: new ReaderTree() };
    const hosts = { beganId: nodeId, fetcherId: nodeId };
    const fetch: Fetch = { ...parts, ...hosts, fetchId, repository, heardMs: nowMs, isFull: false };
    this.#counts.take(nodeId, 1);
    this.#fetches.set(digest, fetch);
    return fetch;
  }

  /** Only the host that fetched has a place left, or nobody. */
  #forgetIfUnread(digest: Digest): void {
    const fetch = this.#fetches.get(digest);
    if (fetch === undefined) return;
    const left = fetch.readers.size - (fetch.readers.has(fetch.fetcherId) ? 1 : 0);
    if (left === 0) this.#forget(digest);
  }

  #forgetOld(nowMs: number): void {
    if (nowMs - this.#lookedMs < LOOK_EVERY_MS) return;
    this.#lookedMs = nowMs;
    for (const [digest, { heardMs }] of this.#fetches) if (heardMs + FORGET_MS < nowMs) this.#forget(digest);
  }

  #forget(digest: Digest): void {
    const fetch = this.#fetches.get(digest);
    if (fetch === undefined) return;
    this.#counts.giveBack(fetch.beganId, 1);
    this.#hashBytes.giveBack(fetch.beganId, fetch.table.hashBytes);
    this.#fetches.delete(digest);
  }
}
