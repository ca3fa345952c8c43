// Gets every blob onto the origins, and lets a manifest wait until its blobs are there.

import type { Digest } from '../../shared/oci/digest.ts';
import type { CoordinatorEvent } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import type { Directory } from '../directory/directory.ts';
import { CopyWaiters } from './copy-waiters.ts';
import { OrderPlan } from './order-plan.ts';

export interface ReplicationDeps {
  readonly clock: Clock;
  readonly database: FleetDatabase;
  readonly directory: Directory;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Sends an event to a node's session, if it has one. */
  readonly send: (nodeId: string, event: CoordinatorEvent) => void;
}

export interface ReplicationOptions {
  /** Origins that must hold a blob before a manifest that names it is accepted. */
  readonly copies: number;
  readonly waitMs: number;
  readonly maxWaiting: number;
  readonly maxOrdersPerOrigin: number;
  readonly orderRetryMs: number;
  readonly sweepEveryMs: number;
}

/** Blobs looked through in one step of a sweep: a few milliseconds of SQLite, so that nobody waits for it. */
const SWEEP_WINDOW = 2000;
/** Pause between two steps of a sweep, in which others have their turn. */
const SWEEP_PAUSE_MS = 50;
/** How soon to look again at an origin that has all the orders it may have. */
const FULL_PAUSE_MS = 1000;
/** What a client that was refused should wait, in seconds: time for a layer or two to arrive. */
const RETRY_AFTER_SECONDS = 10;
/** Digests named in a refusal, the rest is left out: an answer with all 10,000 layers of an index would help nobody. */
const MAX_NAMED_DIGESTS = 50;

interface Sweep {
  afterBlobId: number;
  next: Scheduled | undefined;
}

export class Replication implements AsyncDisposable {
  readonly #deps: ReplicationDeps;
  readonly #options: ReplicationOptions;
  readonly #plan: OrderPlan;
  readonly #waiters: CopyWaiters;
  /** Origins with a session; a sweep with `next` undefined is between two passes. */
  readonly #sweeps = new Map<string, Sweep>();
  #isClosed = false;

  constructor(deps: ReplicationDeps, options: ReplicationOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#plan = new OrderPlan({ maxPerOrigin: options.maxOrdersPerOrigin, retryMs: options.orderRetryMs });
    this.#waiters = new CopyWaiters(deps);
    deps.metrics.gaugeOf(
      {
        name: 'shoal_replication_orders_outstanding',
        help: 'Blobs that origins were told to fetch and have not announced.',
      },
      () => this.#plan.total(),
    );
    deps.metrics.gaugeOf(
      { name: 'shoal_replication_manifests_waiting', help: 'Manifest pushes that wait for copies of their blobs.' },
      () => this.#waiters.count,
    );
  }

  /** A repository holds the blob: origins that do not hold it start to fetch it. */
  replicate(blob: { readonly digest: Digest; readonly sizeBytes: number }): void {
    const { directory, clock, send } = this.#deps;
    const { digest, sizeBytes } = blob;
    const targets = this.#plan.plan(
      {
        digest,
        connectedOrigins: directory.origins().connected,
        holds: (nodeId) => directory.holds(nodeId, digest),
        isAvailableTo: (nodeId) => directory.isAvailable(digest, nodeId),
      },
      clock.nowMs(),
    );
    for (const nodeId of targets) send(nodeId, { type: 'order.replicate', digest, sizeBytes });
  }

  /** A copy is durable: on disk there, and recorded here. */
  copyConfirmed(nodeId: string, digest: Digest): void {
    this.#plan.done(nodeId, digest);
    this.#waiters.copyArrived(digest);
  }

  /** An origin has a session: what it lacks is ordered, now and from time to time. */
  originConnected(nodeId: string): void {
    this.#plan.forget(nodeId);
    this.resweep(nodeId);
  }

  /** What an origin holds was said anew: looks through everything from the start. */
  resweep(nodeId: string): void {
    this.#waiters.copiesChanged();
    this.#sweeps.get(nodeId)?.next?.cancel();
    this.#sweeps.set(nodeId, { afterBlobId: 0, next: this.#schedule(nodeId, 0) });
  }

  originDisconnected(nodeId: string): void {
    this.#sweeps.get(nodeId)?.next?.cancel();
    this.#sweeps.delete(nodeId);
    this.#plan.forget(nodeId);
  }

  /** The blobs that are on too few origins. */
  lacking(digests: readonly Digest[]): Digest[] {
    return digests.filter((digest) => !this.#isEnough(digest));
  }

  /**
   * Waits until every blob is on enough origins, for a bounded time.
   * @throws {AppError} `not_enough_copies` with what is missing and why.
   */
  async waitForCopies(digests: readonly Digest[], signal: AbortSignal): Promise<void> {
    const lacking = this.lacking(digests);
    if (lacking.length === 0) return;
    const { copies, waitMs, maxWaiting } = this.#options;
    if (this.#deps.directory.origins().all.length < copies) throw this.#refusal(lacking);
    if (this.#waiters.count >= maxWaiting) {
      throw notEnough('too many manifests wait for copies already; try again', lacking);
    }
    for (const digest of lacking) {
      const blob = this.#deps.database.blobs.find(digest);
      if (blob !== undefined) this.replicate(blob);
    }
    await this.#waiters.wait({ digests: lacking, isEnough: (digest) => this.#isEnough(digest), waitMs }, signal);
    const stillLacking = this.lacking(digests);
    if (stillLacking.length > 0) throw this.#refusal(stillLacking);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const nodeId of [...this.#sweeps.keys()]) this.originDisconnected(nodeId);
  }

  #isEnough(digest: Digest): boolean {
    return this.#deps.directory.originCopies(digest) >= this.#options.copies;
  }

  #refusal(lacking: readonly Digest[]): AppError {
    const { copies } = this.#options;
    const { all, connected } = this.#deps.directory.origins();
    const wanted = `durability.copies asks for copies on ${copies} ${copies === 1 ? 'origin' : 'origins'}`;
    if (all.length < copies) {
      return notEnough(`${wanted}, the fleet has ${all.length}; start a node with --origin`, lacking);
    }
    if (connected.length < copies) {
      return notEnough(`${wanted}, of ${all.length} in the fleet ${connected.length} can be reached`, lacking);
    }
    return notEnough(`${wanted}; ${lacking.length} of the blobs are not there yet, push again to complete`, lacking);
  }

  /** One step of a pass over all blobs: orders what this origin lacks, then goes on, or rests until the next pass. */
  #sweepStep(nodeId: string): void {
    const { log } = this.#deps;
    const sweep = this.#sweeps.get(nodeId);
    if (sweep === undefined || this.#isClosed) return;
    let delayMs = this.#options.sweepEveryMs;
    try {
      delayMs = this.#sweepWindow(nodeId, sweep);
    } catch (err) {
      log.error({ err, node: nodeId }, 'looking for blobs that an origin lacks failed; trying again later');
    }
    sweep.next = this.#schedule(nodeId, delayMs);
  }

  /** @returns milliseconds until the next step. */
  #sweepWindow(nodeId: string, sweep: Sweep): number {
    const { database } = this.#deps;
    const row = database.nodes.find(nodeId);
    if (row === undefined) return this.#options.sweepEveryMs;
    if (this.#isFull(nodeId)) return FULL_PAUSE_MS;
    const { afterBlobId } = sweep;
    const window = { afterBlobId, untilBlobId: afterBlobId + SWEEP_WINDOW };
    const { missing, lastBlobId } = database.read('plan', () => database.copies.missingOn(row.node, window));
    for (const blob of missing) this.replicate(blob);
    if (this.#isFull(nodeId)) return FULL_PAUSE_MS; // the rest of this window is for later
    const isAtEnd = window.untilBlobId >= lastBlobId;
    sweep.afterBlobId = isAtEnd ? 0 : window.untilBlobId;
    return isAtEnd ? this.#options.sweepEveryMs : SWEEP_PAUSE_MS;
  }

  #isFull(nodeId: string): boolean {
    return this.#plan.outstanding(nodeId) >= this.#options.maxOrdersPerOrigin;
  }

  #schedule(nodeId: string, delayMs: number): Scheduled {
    return this.#deps.clock.schedule(delayMs, () => this.#sweepStep(nodeId));
  }
}

function notEnough(message: string, digests: readonly Digest[]): AppError {
  return new AppError('not_enough_copies', message, {
    detail: { digests: digests.slice(0, MAX_NAMED_DIGESTS), retryAfterSeconds: RETRY_AFTER_SECONDS },
  });
}
