// Collects what nothing leads to: from time to time by itself, and when an administrator asks. Never stops anybody:
// a push that needs what is being looked at wins, or is told that it is missing and sends it again.

import type {
  CollectionRequest,
  CollectionResult,
  CollectionState,
  KeptPage,
  KeptQuery,
} from '../../shared/protocol/collection-api.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { CounterMetric, Metrics } from '../../shared/runtime/metrics.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import { readKept } from './kept-content.ts';
import { CollectionPass, type PassRequest } from './collection-pass.ts';
import { OrphanFiles, type OrphanFilesDeps } from './orphan-files.ts';
import { RemovalOrders, type RemovalOrdersDeps } from './removal-orders.ts';
import type { ReviewTimes } from './review-times.ts';

/** Pause between two steps of a pass, in which others have their turn. */
const STEP_PAUSE_MS = 2;
/** How often nodes are told what is left to remove, while there is something. */
const REMOVAL_TURN_MS = 1000;

export interface CollectionDeps extends RemovalOrdersDeps, OrphanFilesDeps {
  readonly clock: Clock;
  readonly database: FleetDatabase;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly sessions: OrphanFilesDeps['sessions'];
}

export interface CollectionOptions {
  readonly times: ReviewTimes;
  /** Pause between two passes. */
  readonly everyMs: number;
  /** Whether passes of their own accord also remove manifests that nothing leads to. */
  readonly untagged: 'keep' | 'remove';
  readonly retryMs: number;
}

type LastPass = NonNullable<CollectionState['last']>;

export class Collection implements AsyncDisposable {
  /** Files that no record names. */
  readonly orphans: OrphanFiles;
  readonly #deps: CollectionDeps;
  readonly #options: CollectionOptions;
  readonly #orders: RemovalOrders;
  readonly #stopping = new AbortController();
  readonly #collectedBytes: CounterMetric;
  readonly #failures: CounterMetric;
  #nextPass: Scheduled | undefined;
  #nextTurn: Scheduled | undefined;
  #running: Promise<void> | undefined;
  #passNumber = 0;
  #last: LastPass | undefined;

  constructor(deps: CollectionDeps, options: CollectionOptions) {
    this.#deps = deps;
    this.#options = options;
    const { retryMs } = options;
    this.#orders = new RemovalOrders(deps, { retryMs });
    this.orphans = new OrphanFiles(deps, { delayMs: options.times.deleteDelayMs, retryMs });
    const { metrics } = deps;
    this.#collectedBytes = metrics.counter({
      name: 'shoal_collection_collected_bytes_total',
      help: 'Bytes of blobs that no repository holds any more and hosts were told to delete, each blob once.',
    });
    this.#failures = metrics.counter({
      name: 'shoal_collection_failures_total',
      help: 'Looks for unreachable content that failed; the log says why.',
    });
    this.#addGauges(metrics);
    this.#schedulePass();
    this.#scheduleTurn();
  }

  /** Starts a pass now unless one runs. @returns the state, with the number of the pass that runs. */
  start(request: CollectionRequest): CollectionState {
    if (this.#running === undefined) {
      const isDryRun = request.isDryRun;
      const pass = { when: 'now', untagged: request.deleteUntagged ? 'remove' : 'keep' } as const;
      this.#passNumber += 1;
      const last: LastPass = { passNumber: this.#passNumber, isDryRun };
      this.#run(async () => {
        try {
          this.#last = { ...last, result: isDryRun ? this.#try(pass) : await this.#collect(pass) };
        } catch (error) {
          this.#last = { ...last, failure: error instanceof Error ? error.message : String(error) };
          throw error;
        }
      });
    }
    return this.state();
  }

  /** A page of what it keeps. */
  kept(after: KeptQuery): KeptPage {
    return readKept(this.#deps, after);
  }

  state(): CollectionState {
    const { database } = this.#deps;
    const { count, oldestDueMs } = database.blobReviews.totals();
    return {
      passNumber: this.#passNumber,
      isRunning: this.#running !== undefined,
      ...(this.#last === undefined ? {} : { last: this.#last }),
      kept: database.read('status', () => ({
        repositories: database.repositories.count(),
        manifests: database.manifests.count(),
        blobs: database.blobs.totals().count - database.removals.totals().blobs,
      })),
      removing: { ...database.removals.totals(), filesWithinReach: this.#filesWithinReach() },
      waiting: { count, ...(oldestDueMs === null ? {} : { oldestDueMs }) },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    this.#nextPass?.cancel();
    this.#nextTurn?.cancel();
    await this.#running;
  }

  #schedulePass(): void {
    this.#nextPass = this.#deps.clock.schedule(this.#options.everyMs, () => {
      if (this.#running === undefined) {
        this.#run(async () => {
          await this.#collect({ when: 'due', untagged: this.#options.untagged });
        });
      }
      this.#schedulePass();
    });
  }

  #scheduleTurn(): void {
    this.#nextTurn = this.#deps.clock.schedule(REMOVAL_TURN_MS, () => {
      try {
        this.#orders.sendAll();
        this.orphans.sendDue();
      } catch (err) {
        this.#failed(err);
      }
      this.#scheduleTurn();
    });
  }

  #run(pass: () => Promise<void>): void {
    this.#running = pass()
      .catch((err: unknown) => {
        if (!this.#stopping.signal.aborted) this.#failed(err);
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  #failed(err: unknown): void {
    this.#failures.add();
    this.#deps.log.error({ err }, 'looking for unreachable content failed; trying again later');
  }

  async #collect(request: PassRequest): Promise<CollectionResult> {
    const { clock, database, log } = this.#deps;
    const pass = new CollectionPass({ ...this.#deps, times: this.#options.times }, request);
    for (const step of pass.steps()) {
      database.change('collect', step);
      await clock.sleep(STEP_PAUSE_MS, this.#stopping.signal);
    }
    const result = pass.result();
    this.#collectedBytes.add(result.blobs.bytes);
    const { manifests, blobs } = result;
    if (manifests.count + blobs.count > 0) {
      log.info({ manifests: manifests.count, blobs: blobs.count, bytes: blobs.bytes }, 'collected unreachable content');
      this.#orders.sendAll();
    }
    return result;
  }

  /** All steps in one transaction that is taken back: exact, and others wait for its end. */
  #try(request: PassRequest): CollectionResult {
    const { database } = this.#deps;
    const pass = new CollectionPass({ ...this.#deps, times: this.#options.times }, request);
    return database.tryOut('collect', () => {
      for (const step of pass.steps()) step();
      return pass.result();
    });
  }

  #filesWithinReach(): number {
    const { database, sessions } = this.#deps;
    if (database.removals.totals().files === 0) return 0;
    let files = 0;
    for (const { nodeId } of sessions.all()) {
      const row = database.nodes.find(nodeId);
      if (row !== undefined) files += database.removals.countOn(row.node);
    }
    return files;
  }

  #addGauges(metrics: Metrics): void {
    const { clock, database } = this.#deps;
    metrics.gaugeOf(
      { name: 'shoal_collection_reviews_waiting', help: 'Blobs of repositories in the review queue.' },
      () => database.blobReviews.totals().count,
    );
    metrics.gaugeOf(
      {
        name: 'shoal_collection_oldest_review_overdue_seconds',
        help: 'How long the oldest review is overdue; 0 when none is.',
      },
      () => Math.max(0, clock.wallMs() - (database.blobReviews.totals().oldestDueMs ?? Infinity)) / 1000,
    );
    metrics.gaugeOf(
      { name: 'shoal_collection_removing_files', help: 'Files of collected blobs that hosts have not deleted yet.' },
      () => database.removals.totals().files,
    );
  }
}
