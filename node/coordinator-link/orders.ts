// Carries out what the coordinator orders of this host: hold a blob whole, then say so.

import pLimit, { type LimitFunction } from 'p-limit';
import type { Digest } from '../../shared/oci/digest.ts';
import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import { Backoff } from '../../shared/runtime/backoff.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { isAppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import type { BlobStat, BlobStore } from '../content/blob-store.ts';
import type { DigestLocks } from '../content/digest-locks.ts';
import type { SwarmSource } from '../content/swarm-source.ts';

/** Blobs replicated at once, the next wait in order: enough to fill a link with small layers, few enough that each is soon whole. */
const MAX_RUNNING = 4;
/** Orders that wait or run; a further one is dropped, since the coordinator orders again what it does not see announced. */
const MAX_ORDERS = 10_000;
/** Attempts for one order, over about two minutes. Then the coordinator, which knows more, orders again or elsewhere. */
const MAX_ATTEMPTS = 6;
/** Waits between the attempts for one order, with full jitter. */
const RETRY_BACKOFF = { firstMs: 1000, maxMs: 60_000 } as const;

export interface OrdersDeps {
  readonly link: CoordinatorLink;
  readonly blobs: Pick<BlobStore, 'stat'>;
  readonly swarm: Pick<SwarmSource, 'replicate'>;
  /** A file that is being removed is not taken for one that stays. */
  readonly locks: DigestLocks;
  readonly announcer: { add(blob: BlobStat): void };
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly random: () => number;
}

/** Listens to the link from its making on. Disposing gives up what is under way. */
export class Orders implements AsyncDisposable {
  readonly #deps: OrdersDeps;
  readonly #stopping = new AbortController();
  readonly #stopListening: () => void;
  readonly #limit: LimitFunction = pLimit(MAX_RUNNING);
  readonly #accepted = new Map<Digest, Promise<void>>();

  constructor(deps: OrdersDeps) {
    this.#deps = deps;
    deps.metrics.gaugeOf(
      { name: 'shoal_orders_waiting', help: 'Blobs ordered by the coordinator that are not here yet.' },
      () => this.#accepted.size,
    );
    this.#stopListening = deps.link.listen({
      onEvent: (event) => {
        if (event.type === 'order.replicate') this.#accept({ digest: event.digest, sizeBytes: event.sizeBytes });
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening();
    this.#stopping.abort();
    this.#limit.clearQueue();
    await Promise.all([...this.#accepted.values()].slice(0, this.#limit.activeCount));
  }

  #accept(blob: BlobStat): void {
    const { signal } = this.#stopping;
    if (signal.aborted || this.#accepted.has(blob.digest)) return;
    if (this.#accepted.size >= MAX_ORDERS) {
      this.#deps.log.warn({ digest: blob.digest, limit: MAX_ORDERS }, 'too many orders wait; dropped one');
      return;
    }
    const work = this.#limit(() => this.#carryOut(blob, signal)).finally(() => this.#accepted.delete(blob.digest));
    this.#accepted.set(blob.digest, work);
  }

  /** Never rejects: an order that fails is logged, and ordered again by who wants it. */
  async #carryOut(blob: BlobStat, signal: AbortSignal): Promise<void> {
    const { clock, log, random } = this.#deps;
    const backoff = new Backoff(RETRY_BACKOFF);
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        await this.#deps.locks.share(blob.digest, async () => {
          if ((await this.#deps.blobs.stat(blob.digest)) === undefined) await this.#deps.swarm.replicate(blob, signal);
          this.#deps.announcer.add(blob);
        });
        return;
      } catch (err) {
        if (signal.aborted) return;
        const isFinal = attempt >= MAX_ATTEMPTS || isAppError(err, 'not_enough_space', 'digest_mismatch');
        const fields = { digest: blob.digest, attempt, err };
        if (isFinal) {
          log.warn(fields, 'could not replicate a blob; leaving it to the coordinator');
          return;
        }
        log.debug(fields, 'could not replicate a blob; trying again');
        await clock.sleep(backoff.nextMs(random()), signal).catch(() => undefined); // only stopping ends a sleep
      }
    }
  }
}
