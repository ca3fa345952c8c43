// Brings what waits for one endpoint there, one event at a time, the oldest that is due first.
//
//   waiting for something due ──▶ posting ──▶ delivered, or due again later, or given up ──▶ …
//        ▲                                                        │
//        └────────── pause, when the endpoint is away ◀───────────┘
//
// An event is marked when its answer is here, so one that is cut off by a crash is sent again: at least once, under the same id.

import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import type { DueDelivery } from '../database/notification-table.ts';
import { EndpointPauses, eventWaitMs } from './endpoint-pauses.ts';
import type { Endpoint } from './endpoint.ts';
import type { NotificationMetrics } from './notification-metrics.ts';
import type { EventPoster, Outcome } from './post-event.ts';

/** Pause after a failure of our own, such as a full disk of the coordinator. */
const FAULT_PAUSE_MS = 5_000;
/** Longest sleep without a look at the queue: wall clocks jump, and what is due is told by them. */
const LONGEST_SLEEP_MS = 60_000;

export interface CourierDeps {
  readonly clock: Clock;
  readonly database: FleetDatabase;
  readonly log: Logger;
  readonly metrics: NotificationMetrics;
  readonly poster: Pick<EventPoster, 'post'>;
  /** An event is in the delivery log now. */
  readonly onEnded: () => void;
}

export interface CourierOptions {
  readonly endpoint: Endpoint;
  /** An event that waits for longer is given up at its next failure. */
  readonly retryForMs: number;
}

export class Courier implements AsyncDisposable {
  readonly #deps: CourierDeps;
  readonly #options: CourierOptions;
  readonly #pauses: EndpointPauses;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #wake: (() => void) | undefined;

  constructor(deps: CourierDeps, options: CourierOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#pauses = new EndpointPauses(options.endpoint);
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Something may be due. May be said within the transaction that adds it: nothing is read before that ended. */
  wake(): void {
    this.#wake?.();
  }

  /** How long nothing is sent, because of failures. */
  get pausedMs(): number {
    return this.#pauses.leftMs(this.#deps.clock.nowMs());
  }

  /** Cuts an attempt that runs; its event stays in the queue. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#pause();
        const due = signal.aborted ? undefined : this.#next();
        if (due === undefined) await this.#sleep();
        else await this.#deliver(due);
      } catch (err) {
        if (signal.aborted) return;
        log.error({ err, endpoint: this.#options.endpoint.name }, 'notifications cannot go on for now; trying again');
        await clock.sleep(FAULT_PAUSE_MS, signal).catch(() => undefined); // only stopping ends a sleep
      }
    }
  }

  async #pause(): Promise<void> {
    const { clock } = this.#deps;
    const leftMs = this.#pauses.leftMs(clock.nowMs());
    if (leftMs > 0) await clock.sleep(leftMs, this.#stopping.signal);
  }

  #next(): DueDelivery | undefined {
    const { clock, database } = this.#deps;
    return database.read('notify', () => database.notifications.next(this.#options.endpoint.name, clock.wallMs()));
  }

  /** Until something is due, or somebody wakes us. */
  async #sleep(): Promise<void> {
    const { clock, database } = this.#deps;
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    const dueMs = database.notifications.nextDueMs(this.#options.endpoint.name);
    const sleepMs = dueMs === undefined ? LONGEST_SLEEP_MS : Math.min(dueMs - clock.wallMs(), LONGEST_SLEEP_MS);
    let timer: Scheduled | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = clock.schedule(sleepMs, resolve);
    });
    this.#wake = undefined;
    timer?.cancel();
  }

  async #deliver(due: DueDelivery): Promise<void> {
    const { metrics, poster } = this.#deps;
    const { name } = this.#options.endpoint;
    const outcome = await poster.post(due, this.#stopping.signal);
    metrics.attempted(name, outcome);
    if (outcome.type === 'delivered') this.#delivered(due, outcome.status);
    else this.#failed(due, outcome);
  }

  #delivered(due: DueDelivery, status: number): void {
    const { clock, database, log, onEnded } = this.#deps;
    const { name } = this.#options.endpoint;
    const wasAway = this.#pauses.isAway;
    const nowMs = clock.wallMs();
    database.change('notify', () => {
      database.notifications.end(due.id, 'delivered', { atMs: nowMs, status });
      if (wasAway) database.notifications.hasten(name, nowMs);
    });
    this.#pauses.succeeded();
    if (wasAway) log.info({ endpoint: name }, 'the receiver of notifications answers again');
    onEnded();
  }

  #failed(due: DueDelivery, outcome: Extract<Outcome, { readonly type: 'failed' }>): void {
    const { clock, database, log, metrics, onEnded } = this.#deps;
    const { endpoint, retryForMs } = this.#options;
    const { status, problem, askedWaitMs } = outcome;
    const nowMs = clock.wallMs();
    const attempt = { atMs: nowMs, status, problem };
    const facts = { endpoint: endpoint.name, event: due.eventId, status, problem };
    const isGivenUp = nowMs - due.queuedMs >= retryForMs;
    const wasAway = this.#pauses.isAway;
    this.#pauses.failed(clock.nowMs(), askedWaitMs);
    database.change('notify', () => {
      if (isGivenUp) database.notifications.end(due.id, 'failed', attempt);
      else database.notifications.postpone(due.id, nowMs + eventWaitMs(due.attempts + 1), attempt);
    });
    if (isGivenUp) {
      metrics.lost(endpoint.name, 'given_up', 1);
      log.warn(facts, 'an event was given up; `shoal notifications redeliver` sends it again');
      onEnded();
    } else if (this.#pauses.isAway && !wasAway) {
      log.warn(facts, 'a receiver of notifications cannot be reached; its events are kept and tried again');
    } else log.debug(facts, 'an event was not delivered; trying again');
  }
}
