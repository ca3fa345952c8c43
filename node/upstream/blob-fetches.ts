// All fetches from upstreams of this host: one per digest, however many clients ask.

import type { Digest } from '../../shared/oci/digest.ts';
import { LEAF_BYTES } from '../../shared/pieces/piece-table.ts';
import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { withSignal } from '../../shared/runtime/with-signal.ts';
import type { ArrivingLeaves, ArrivingSource, Leaf } from '../content/arriving-leaves.ts';
import type { AdoptedBlob, ArrivingBlob, ArrivingStore, BlobStore } from '../content/blob-store.ts';
import type { DigestLocks } from '../content/digest-locks.ts';
import type { KnownIndex } from '../content/known-index.ts';
import { BlobFetch, type BlobOrigin } from './blob-fetch.ts';
import { FleetPart } from './fleet-part.ts';
import { waitForTurn, type FleetTurn } from './fleet-turns.ts';

/** Fetches at once; who asks for one more is told to come again. An image has ten or twenty layers, clients ask for some at a time. */
const MAX_FETCHES = 256;

/**
 * A blob that other hosts gave wrong, or twice not to its end, is fetched by this one alone for so long: whoever wants to spoil it spoils it once
 * or twice.
 */
const ALONE_MS = 600_000;
/** Such blobs remembered, and as many of those that were left once; of more the oldest are forgotten. */
const MAX_ALONE = 1000;

export interface BlobFetchesDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly link: CoordinatorLink;
  readonly known: Pick<KnownIndex, 'rememberBlob'>;
  readonly store: ArrivingStore;
  readonly blobs: Pick<BlobStore, 'open' | 'table'>;
  readonly leaves: ArrivingLeaves;
  readonly locks: DigestLocks;
  /** Told of every blob that was adopted, before the coordinator is. */
  readonly onAdopted: (blob: AdoptedBlob) => void;
  readonly onReceived: (bytes: number) => void;
}

/** How a fetch begins: as the fleet's, along with the fleet's, or without the fleet. */
export type StartedTurn = Exclude<FleetTurn, { readonly type: 'held' }>;

interface Running {
  readonly fetch: BlobFetch;
  /** Those that hold the blob once it is here. */
  readonly repositories: Set<string>;
}

/** Dispose it to end what runs. */
export class BlobFetches implements ArrivingSource, AsyncDisposable {
  readonly #deps: BlobFetchesDeps;
  readonly #running = new Map<Digest, Running>();
  /** Until when each of these is fetched without the fleet. */
  readonly #alone = new Map<Digest, number>();
  /** Until when it is remembered that others left this host in the middle of one. */
  readonly #suspected = new Map<Digest, number>();
  #isStopping = false;

  constructor(deps: BlobFetchesDeps) {
    this.#deps = deps;
    deps.leaves.serve(this);
  }

  /** The fetch that runs, if it is one for this repository's sake, or one that this repository may join. */
  running(digest: Digest, repository: string): BlobFetch | undefined {
    const running = this.#running.get(digest);
    return running?.repositories.has(repository) === true && !running.fetch.isOver ? running.fetch : undefined;
  }

  /** True when there is a fetch that a repository joins, once it was shown that its upstream has the blob. */
  isRunning(digest: Digest): boolean {
    return this.#running.get(digest)?.fetch.isOver === false;
  }

  /**
   * Joins the fetch of a digest, or starts it. The caller has made sure that the repository's upstream has the blob, or asks it here.
   * @param how.turn from `turn`.
   */
  start(
    digest: Digest,
    repository: string,
    how: { readonly origin: BlobOrigin; readonly turn: StartedTurn },
  ): BlobFetch {
    const running = this.#running.get(digest);
    if (running !== undefined && !running.fetch.isOver) {
      running.repositories.add(repository);
      return running.fetch;
    }
    if (this.#isStopping) throw new AppError('shutting_down', 'the node is stopping');
    if (this.#running.size >= MAX_FETCHES)
      throw new AppError('too_many_requests', 'too many blobs are fetched from upstreams at the moment');
    const repositories = new Set([repository]);
    const { origin, turn } = how;
    const part =
      turn.type === 'alone'
        ? undefined
        : new FleetPart(
            { ...this.#deps, onWrong: (sort) => this.#noteWrong(digest, sort) },
            { digest, repository, upstream: origin, turn },
          );
    const keep = (arriving: ArrivingBlob): Promise<void> =>
      this.#keep(digest, arriving, { repositories, isReader: part?.isReader === true });
    const fetch = new BlobFetch({ ...this.#deps, keep }, { digest, origin, part });
    const entry = { fetch, repositories };
    this.#running.set(digest, entry);
    void fetch.done.then(() => {
      if (this.#running.get(digest) === entry) this.#running.delete(digest);
    });
    return fetch;
  }

  /**
   * Waits until this host is the one of the fleet that fetches a blob, or may read it along. The turn ends with the fetch that is
   * started then, or by itself.
   */
  turn(digest: Digest, repository: string, signal: AbortSignal): Promise<StartedTurn | { readonly type: 'held' }> {
    if (this.isRunning(digest)) return Promise.resolve({ type: 'alone' }); // it is joined
    if (this.#isNoted(this.#alone, digest)) return Promise.resolve({ type: 'alone' });
    return waitForTurn(this.#deps, { digest, repository }, signal);
  }

  async settled(digest: Digest, signal: AbortSignal): Promise<void> {
    const running = this.#running.get(digest)?.fetch;
    if (running !== undefined) await withSignal(running.done, signal);
  }

  /** For other hosts: of what is fetched, or has just been. */
  async leaf({ digest, leafIndex }: Leaf, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const place = { firstByte: leafIndex * LEAF_BYTES, maxBytes: LEAF_BYTES };
    const running = this.#running.get(digest)?.fetch;
    if (running?.isOver === false) {
      try {
        return await running.part(place, signal);
      } catch (error) {
        if (signal.aborted || !running.isOver) throw error;
        // It ended while it was read, and with it its file, which is that of a blob by now, or gone.
      }
    }
    const reader = await this.#deps.blobs.open(digest);
    if (reader === undefined) return undefined;
    try {
      const bytes = new Uint8Array(Math.max(0, Math.min(LEAF_BYTES, reader.sizeBytes - place.firstByte)));
      for (let done = 0; done < bytes.byteLength;) {
        const count = await reader.read(bytes.subarray(done), place.firstByte + done, signal);
        if (count === 0) return undefined;
        done += count;
      }
      return bytes.byteLength === 0 ? undefined : bytes;
    } finally {
      await reader[Symbol.asyncDispose]();
    }
  }

  /** Says that a repository holds a blob whose bytes are on this host. @returns false when they are not. */
  async recordHere(digest: Digest, repository: string, signal: AbortSignal): Promise<boolean> {
    const { blobs, link, locks } = this.#deps;
    return locks.share(digest, async () => {
      const table = await blobs.table(digest);
      if (table === undefined) return false;
      await link.call('blob.add', { repository, digest, table }, signal);
      return true;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    const reason = new AppError('shutting_down', 'the node is stopping');
    await Promise.all([...this.#running.values()].map(({ fetch }) => fetch.stop(reason)));
  }

  /** As after a push: the file first, then the coordinator's record, with no removal of the same blob in between. */
  async #keep(
    digest: Digest,
    arriving: ArrivingBlob,
    how: { readonly repositories: ReadonlySet<string>; readonly isReader: boolean },
  ): Promise<void> {
    const { link, locks, known, onAdopted } = this.#deps;
    const { signal } = new AbortController(); // the link's own time limits end it
    await locks.share(digest, async () => {
      const blob = await arriving.adopt();
      const { sizeBytes, table } = blob;
      onAdopted(blob);
      for (const repository of how.repositories) {
        if (!how.isReader || !(await this.#isHeld(digest, repository, signal)))
          await link.call('blob.add', { repository, digest, table }, signal);
        known.rememberBlob(repository, digest, sizeBytes);
      }
    });
  }

  /** What the host that fetches has said already is not said again by a thousand that read along: they announce that they have the blob. */
  async #isHeld(digest: Digest, repository: string, signal: AbortSignal): Promise<boolean> {
    return (await this.#deps.link.call('blob.stat', { repository, digest }, signal)).sizeBytes !== undefined;
  }

  /** What an honest fleet does once, when a host goes in the middle, one that spoils a blob does again and again. */
  #noteWrong(digest: Digest, sort: 'proven' | 'suspected'): void {
    const isAgain = this.#isNoted(this.#suspected, digest);
    this.#note(sort === 'proven' || isAgain ? this.#alone : this.#suspected, digest);
  }

  #isNoted(notes: ReadonlyMap<Digest, number>, digest: Digest): boolean {
    return (notes.get(digest) ?? 0) > this.#deps.clock.nowMs();
  }

  #note(notes: Map<Digest, number>, digest: Digest): void {
    notes.delete(digest);
    notes.set(digest, this.#deps.clock.nowMs() + ALONE_MS);
    const [oldest] = notes.keys();
    if (notes.size > MAX_ALONE && oldest !== undefined) notes.delete(oldest);
  }
}
