// Notifications of a fleet: outbox, one courier for each endpoint, the delivery log and its limits.

import {
  MAX_DELIVERY_PAGE,
  MAX_UNCONFIGURED_TOLD,
  type Delivery,
  type EndpointStatus,
  type NotificationPage,
  type NotificationQuery,
  type RedeliverRequest,
  type RedeliverResponse,
} from '../../shared/protocol/notifications-api.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import type { CoordinatorConfig } from '../config.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import type { DeliveryRow } from '../database/notification-table.ts';
import { Courier } from './courier.ts';
import { openEndpoints, type Endpoint } from './endpoint.ts';
import { NotificationMetrics } from './notification-metrics.ts';
import { Outbox } from './outbox.ts';
import { EventPoster } from './post-event.ts';
import { ENVELOPE_TYPES } from './registry-event.ts';

/** How often entries of the delivery log that became too old are looked for. */
const TRIM_EVERY_MS = 60_000;
/** Entries that go in one transaction because of their age; the rest has its turn a minute later. */
const TRIM_STEPS = 1000;
/** So many entries may the delivery log hold beyond its limit before it is cut, since cutting takes a look through all of it. */
const TRIM_AFTER = 100;
/** Deliveries in an answer when nothing else is asked: what fits a few screens. */
const DEFAULT_PAGE = 50;

export interface NotificationsDeps {
  readonly clock: Clock;
  readonly database: FleetDatabase;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Where the reference registry's names go, if they are wanted. */
  readonly referenceMetrics?: Metrics | undefined;
}

type Options = CoordinatorConfig['notifications'];

export class Notifications implements AsyncDisposable {
  /** Where changes are handed in. */
  readonly outbox: Outbox;
  readonly #deps: NotificationsDeps;
  readonly #options: Options;
  readonly #endpoints: readonly Endpoint[];
  readonly #couriers = new Map<string, Courier>();
  readonly #resources = new ResourceStack();
  #timer: Scheduled | undefined;
  #endedSinceTrim = 0;

  /** @throws {AppError} `config_invalid` for an endpoint that cannot be used. */
  constructor(deps: NotificationsDeps, options: Options) {
    this.#deps = deps;
    this.#options = options;
    this.#endpoints = openEndpoints(options.endpoints, { secret: options.secret });
    const metrics = new NotificationMetrics(deps);
    this.#addGauges();
    this.outbox = new Outbox(
      {
        clock: deps.clock,
        database: deps.database,
        metrics,
        endpoints: this.#endpoints,
        onQueued: (name) => this.#couriers.get(name)?.wake(),
        onDropped: (count) => this.#ended(count),
      },
      options,
    );
    for (const endpoint of this.#endpoints) this.#addCourier(endpoint, metrics);
  }

  /** Whether any endpoint wants to hear of pulls. */
  get wantsPulls(): boolean {
    return this.#endpoints.some(({ ignoredActions }) => !ignoredActions.has('pull'));
  }

  /** Begins to deliver, with what is left of the last run. */
  start(): void {
    this.#dropUnconfigured();
    const { clock, database } = this.#deps;
    database.change('notify', () => {
      for (const { name } of this.#endpoints) database.notifications.hasten(name, clock.wallMs());
    });
    for (const courier of this.#couriers.values()) courier.start();
    this.#scheduleTrim();
  }

  read(query: NotificationQuery): NotificationPage {
    const { database } = this.#deps;
    const { endpoint, state } = query;
    const limit = Math.min(Number(query.limit ?? DEFAULT_PAGE), MAX_DELIVERY_PAGE);
    const beforeId = query.before === undefined ? undefined : Number(query.before);
    return database.read('notify', () => {
      const rows = database.notifications.find({ endpoint, state, beforeId, limit: limit + 1 });
      return {
        endpoints: this.#endpoints.map((each) => this.#statusOf(each)),
        deliveries: rows.slice(0, limit).map(deliveryOf),
        hasMore: limit > 0 && rows.length > limit,
      };
    });
  }

  /** @throws {AppError} `message_invalid` when nothing says which, or there is no such endpoint. */
  redeliver(request: RedeliverRequest): RedeliverResponse {
    const { endpoint, eventId, state } = request;
    if (eventId === undefined && state === undefined)
      throw new AppError('message_invalid', 'say which events: one by its id, or all that failed or were dropped');
    const names = this.#endpoints.map(({ name }) => name);
    const chosen = names.filter((name) => endpoint === undefined || name === endpoint);
    if (chosen.length === 0) throw new AppError('message_invalid', noEndpointText(names));
    const answer = this.#requeue(chosen, { eventId, state });
    for (const name of chosen) this.#couriers.get(name)?.wake();
    return answer;
  }

  #requeue(
    chosen: readonly string[],
    which: { readonly eventId: string | undefined; readonly state: 'failed' | 'dropped' | undefined },
  ): RedeliverResponse {
    const { clock, database } = this.#deps;
    const { notifications } = database;
    const nowMs = clock.wallMs();
    const { eventId } = which;
    return database.change('notify', () => {
      const sum = { count: 0, left: 0, waiting: 0 };
      for (const endpoint of chosen) {
        const limit = Math.max(0, this.#options.queueLimit - notifications.countWaiting(endpoint));
        const { waiting, ended } = notifications.count({ ...which, endpoint });
        const count = notifications.requeue({ ...which, endpoint }, { limit, nowMs });
        sum.count += count;
        sum.left += ended - count;
        sum.waiting += waiting;
      }
      const isFound = sum.count + sum.left + sum.waiting > 0;
      return { ...sum, unconfigured: isFound || eventId === undefined ? [] : this.#unconfigured(eventId) };
    });
  }

  /** Endpoints of an event that are not configured any more. */
  #unconfigured(eventId: string): string[] {
    const { notifications } = this.#deps.database;
    const known = new Set(this.#endpoints.map(({ name }) => name));
    const others = notifications.endpoints().filter((name) => !known.has(name));
    return others
      .filter((endpoint) => notifications.count({ endpoint, eventId }).ended > 0)
      .slice(0, MAX_UNCONFIGURED_TOLD);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel();
    await this.#resources[Symbol.asyncDispose]();
  }

  #addCourier(endpoint: Endpoint, metrics: NotificationMetrics): void {
    const { clock, database, log } = this.#deps;
    const contentType = ENVELOPE_TYPES[this.#options.mediaType];
    const poster = new EventPoster({ clock }, { endpoint, contentType });
    this.#resources.defer(() => poster[Symbol.dispose]());
    const onEnded = (): void => this.#ended(1);
    const { retryForMs } = this.#options;
    const courier = new Courier({ clock, database, log, metrics, poster, onEnded }, { endpoint, retryForMs });
    this.#couriers.set(endpoint.name, this.#resources.use(courier));
  }

  /** What waits for endpoints that nobody configures any more would wait for ever. */
  #dropUnconfigured(): void {
    const { database, log } = this.#deps;
    const known = new Set(this.#endpoints.map(({ name }) => name));
    database.change('notify', () => {
      for (const name of database.notifications.endpoints()) {
        if (known.has(name)) continue;
        const events = database.notifications.dropAll(name, 'the endpoint is not configured any more');
        if (events > 0) log.warn({ endpoint: name, events }, 'events wait for an endpoint that is gone; dropped');
      }
    });
  }

  #statusOf({ name, url }: Endpoint): EndpointStatus {
    const { notifications } = this.#deps.database;
    const { delivered = 0, failed = 0, dropped = 0 } = notifications.ended(name);
    const pausedMs = Math.ceil(this.#couriers.get(name)?.pausedMs ?? 0);
    return { name, host: url.host, waiting: notifications.countWaiting(name), delivered, failed, dropped, pausedMs };
  }

  /** Cuts the delivery log now and then. May be said within a transaction, which it then becomes a part of. */
  #ended(count: number): void {
    this.#endedSinceTrim += count;
    if (this.#endedSinceTrim < TRIM_AFTER) return;
    this.#endedSinceTrim = 0;
    this.#trim();
  }

  #trim(): void {
    const { database } = this.#deps;
    for (const name of database.notifications.endpoints()) database.notifications.trim(name, this.#options.logEntries);
  }

  #scheduleTrim(): void {
    const { clock, database, log } = this.#deps;
    this.#timer = clock.schedule(TRIM_EVERY_MS, () => {
      try {
        database.change('notify', () => {
          this.#trim();
          database.notifications.trimOld(clock.wallMs() - this.#options.logAgeMs, TRIM_STEPS);
        });
      } catch (err) {
        log.error({ err }, 'the delivery log of notifications cannot be cut; trying again later');
      }
      this.#scheduleTrim();
    });
  }

  #addGauges(): void {
    const { clock, database, metrics, referenceMetrics } = this.#deps;
    metrics.gaugeOf(
      { name: 'shoal_notifications_waiting', help: 'Events that wait for their receivers.' },
      () => database.notifications.waiting().count,
    );
    metrics.gaugeOf(
      {
        name: 'shoal_notifications_oldest_waiting_seconds',
        help: 'How long the oldest of them waits; 0 when none does.',
      },
      () => Math.max(0, clock.wallMs() - (database.notifications.waiting().oldestMs ?? Infinity)) / 1000,
    );
    referenceMetrics?.gaugeOf(
      { name: 'registry_notifications_pending_total', help: 'The gauge of pending events in queue' },
      () => database.notifications.waiting().count,
    );
  }
}

function noEndpointText(names: readonly string[]): string {
  if (names.length === 0) return 'no endpoint is configured (notifications.endpoints), so there is nobody to send to';
  return `no endpoint of this name is configured; there is: ${names.join(', ')}`;
}

function deliveryOf(row: DeliveryRow): Delivery {
  const { dueMs, triedMs, status, problem, ...rest } = row;
  return {
    ...rest,
    ...(row.state === 'waiting' ? { dueMs } : {}),
    ...(triedMs === null ? {} : { triedMs }),
    ...(status === null ? {} : { status }),
    ...(problem === null ? {} : { problem }),
  };
}
