// Deletes files of blobs: what the coordinator says that no repository holds, and what this host wants to make room of.
//
//   nobody pushes this blob here (its lock) ─▶ the coordinator gives leave ─▶ the file is deleted ─▶ announced as gone
//
// From the leave on the coordinator does not count on the file, so a crash in between loses nothing: the next session's
// snapshot shows it, and the coordinator counts it again or orders its removal again.

import pLimit, { type LimitFunction } from 'p-limit';
import type { Digest } from '../../shared/oci/digest.ts';
import type { CoordinatorLink, Params } from '../../shared/protocol/coordinator-methods.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { CounterMetric, Metrics } from '../../shared/runtime/metrics.ts';
import type { BlobStat, BlobStore } from '../content/blob-store.ts';
import type { DigestLocks } from '../content/digest-locks.ts';

/** Files removed at once, the next wait in order: unlinking a large file keeps the disk busy. */
const MAX_RUNNING = 4;
/** Orders that wait or run; a further one is dropped, since the coordinator repeats what is not done. */
const MAX_ORDERS = 1000;

export interface RemovalsDeps {
  readonly link: CoordinatorLink;
  readonly blobs: Pick<BlobStore, 'stat' | 'remove'>;
  readonly announcer: { add(blob: BlobStat): void; remove(digest: Digest): void; withdraw(digest: Digest): void };
  readonly locks: DigestLocks;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export type RemovalPurpose = Params<'blob.release'>['purpose'];

/** Listens to the link from its making on. */
export class Removals implements AsyncDisposable {
  readonly #deps: RemovalsDeps;
  readonly #stopping = new AbortController();
  readonly #stopListening: () => void;
  readonly #limit: LimitFunction = pLimit(MAX_RUNNING);
  readonly #accepted = new Map<Digest, Promise<void>>();
  readonly #removedBytes: CounterMetric;

  constructor(deps: RemovalsDeps) {
    this.#deps = deps;
    this.#removedBytes = deps.metrics.counter({
      name: 'shoal_store_removed_bytes_total',
      help: 'Bytes of blobs deleted from this disk: collected for the whole fleet, or evicted to make room here.',
      labels: ['purpose'],
    });
    this.#stopListening = deps.link.listen({
      onEvent: (event) => {
        if (event.type === 'order.remove') this.#accept(event.digest);
      },
    });
  }

  /**
   * Deletes the file if the coordinator gives leave. @returns bytes freed: 0 when it must stay or is not here.
   * @throws {AppError} `coordinator_unreachable`
   */
  async remove(digest: Digest, purpose: RemovalPurpose): Promise<number> {
    const { announcer, blobs, link, locks } = this.#deps;
    return locks.own(digest, async () => {
      const blob = await blobs.stat(digest);
      announcer.withdraw(digest); // news of its coming must not be told after the leave
      const { isReleased } = await link
        .call('blob.release', { digest, purpose }, this.#stopping.signal)
        .catch((error: unknown) => {
          if (blob !== undefined) announcer.add(blob);
          throw error;
        });
      if (!isReleased) {
        if (blob !== undefined) announcer.add(blob);
        return 0;
      }
      await blobs.remove(digest);
      announcer.remove(digest);
      const freedBytes = blob?.sizeBytes ?? 0;
      this.#removedBytes.add(freedBytes, { purpose });
      return freedBytes;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening();
    this.#stopping.abort();
    this.#limit.clearQueue();
    await Promise.all([...this.#accepted.values()].slice(0, this.#limit.activeCount));
  }

  #accept(digest: Digest): void {
    if (this.#stopping.signal.aborted || this.#accepted.has(digest) || this.#accepted.size >= MAX_ORDERS) return;
    const work = this.#limit(() => this.#carryOut(digest)).finally(() => this.#accepted.delete(digest));
    this.#accepted.set(digest, work);
  }

  /** Never rejects: the coordinator repeats an order that was not carried out. */
  async #carryOut(digest: Digest): Promise<void> {
    const { log } = this.#deps;
    try {
      const freedBytes = await this.remove(digest, 'collected');
      log.debug({ digest, bytes: freedBytes }, 'deleted a blob that no repository holds');
    } catch (err) {
      if (!this.#stopping.signal.aborted)
        log.warn({ digest, err }, 'could not delete a blob that no repository holds; waiting for the next order');
    }
  }
}
