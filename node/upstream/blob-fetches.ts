// All fetches from upstreams of this host: one per digest, however many clients ask.

import type { Digest } from '../../shared/oci/digest.ts';
import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { AdoptedBlob, ArrivingBlob, ArrivingStore, BlobStore } from '../content/blob-store.ts';
import type { DigestLocks } from '../content/digest-locks.ts';
import type { KnownIndex } from '../content/known-index.ts';
import { BlobFetch, type BlobOrigin } from './blob-fetch.ts';
import { keepTurn, waitForTurn } from './fleet-turns.ts';

/** Fetches at once; who asks for one more is told to come again. An image has ten or twenty layers, clients ask for some at a time. */
const MAX_FETCHES = 256;

export interface BlobFetchesDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly link: CoordinatorLink;
  readonly known: Pick<KnownIndex, 'rememberBlob'>;
  readonly store: ArrivingStore;
  readonly blobs: Pick<BlobStore, 'table'>;
  readonly locks: DigestLocks;
  /** Told of every blob that was adopted, before the coordinator is. */
  readonly onAdopted: (blob: AdoptedBlob) => void;
  readonly onReceived: (bytes: number) => void;
}

interface Running {
  readonly fetch: BlobFetch;
  /** Those that hold the blob once it is here. */
  readonly repositories: Set<string>;
}

/** Dispose it to end what runs. */
export class BlobFetches implements AsyncDisposable {
  readonly #deps: BlobFetchesDeps;
  readonly #running = new Map<Digest, Running>();
  #isStopping = false;

  constructor(deps: BlobFetchesDeps) {
    this.#deps = deps;
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

  /** Joins the fetch of a digest, or starts it. The caller has made sure that the repository's upstream has the blob, or asks it here. */
  start(digest: Digest, repository: string, origin: BlobOrigin): BlobFetch {
    const running = this.#running.get(digest);
    if (running !== undefined && !running.fetch.isOver) {
      running.repositories.add(repository);
      return running.fetch;
    }
    if (this.#isStopping) throw new AppError('shutting_down', 'the node is stopping');
    if (this.#running.size >= MAX_FETCHES)
      throw new AppError('too_many_requests', 'too many blobs are fetched from upstreams at the moment');
    const repositories = new Set([repository]);
    const keep = (arriving: ArrivingBlob): Promise<void> => this.#keep(digest, arriving, repositories);
    const fetch = new BlobFetch({ ...this.#deps, keep }, { digest, origin });
    const entry = { fetch, repositories };
    this.#running.set(digest, entry);
    const turn = keepTurn(this.#deps, digest);
    void fetch.done.then(() => {
      turn.end();
      if (this.#running.get(digest) === entry) this.#running.delete(digest);
    });
    return fetch;
  }

  /**
   * Waits until this host is the one of the fleet that fetches a blob. Its turn ends with the fetch that is started then, or by itself.
   * @returns `held` when another host has it.
   */
  turn(digest: Digest, signal: AbortSignal): Promise<'turn' | 'held'> {
    if (this.isRunning(digest)) return Promise.resolve('turn');
    return waitForTurn(this.#deps, digest, signal);
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
  async #keep(digest: Digest, arriving: ArrivingBlob, repositories: ReadonlySet<string>): Promise<void> {
    const { link, locks, known, onAdopted } = this.#deps;
    const { signal } = new AbortController(); // the link's own time limits end it
    await locks.share(digest, async () => {
      const blob = await arriving.adopt();
      const { sizeBytes, table } = blob;
      onAdopted(blob);
      for (const repository of repositories) {
        await link.call('blob.add', { repository, digest, table }, signal);
        known.rememberBlob(repository, digest, sizeBytes);
      }
    });
  }
}
