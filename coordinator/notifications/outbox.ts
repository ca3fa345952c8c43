// Writes an event down for every endpoint that wants it, in the transaction of the change that it tells of. The queue of an endpoint is
// bounded: when it is full pulls are dropped first, and of them, as of the rest, the oldest.

import { randomUUID } from 'node:crypto';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { ChangeKeeper } from '../changes/change-recorder.ts';
import type { RecordedChange } from '../changes/registry-change.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import type { NewDelivery } from '../database/notification-table.ts';
import { wantsEvent, type Endpoint } from './endpoint.ts';
import type { NotificationMetrics } from './notification-metrics.ts';
import { envelopeText } from './registry-event.ts';

export interface OutboxDeps {
  readonly clock: Clock;
  readonly database: FleetDatabase;
  readonly metrics: NotificationMetrics;
  readonly endpoints: readonly Endpoint[];
  /** Told of each endpoint that got something, within the transaction. */
  readonly onQueued: (endpoint: string) => void;
  /** So many events went from a queue to the delivery log. */
  readonly onDropped: (count: number) => void;
}

export interface OutboxOptions {
  /** Events that wait for one endpoint at most. */
  readonly queueLimit: number;
  readonly includeReferences: boolean;
}

export class Outbox implements ChangeKeeper {
  readonly #deps: OutboxDeps;
  readonly #options: OutboxOptions;

  constructor(deps: OutboxDeps, options: OutboxOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  add(changes: readonly RecordedChange[]): void {
    const { clock, database, endpoints, metrics, onQueued } = this.#deps;
    const nowMs = clock.wallMs();
    const added = new Map<Endpoint, number>();
    for (const change of changes) {
      // A registry that moves in has years of pushes, of which receivers were told when they happened.
      if (change.action === 'import') continue;
      const wanting = endpoints.filter((endpoint) => wantsEvent(endpoint, change));
      if (wanting.length === 0) continue;
      const event = this.#eventOf(change);
      for (const endpoint of wanting) {
        const isNew = database.notifications.add({ ...event, endpoint: endpoint.name }, nowMs);
        if (isNew) added.set(endpoint, (added.get(endpoint) ?? 0) + 1);
      }
    }
    for (const [endpoint, count] of added) {
      metrics.queued(endpoint.name, count);
      this.#makeRoom(endpoint);
      onQueued(endpoint.name);
    }
  }

  /** The same for all endpoints, its id included. */
  #eventOf(change: RecordedChange): Omit<NewDelivery, 'endpoint'> {
    const { eventId = randomUUID(), occasion, action, repository, tag, digest } = change;
    const tagged = tag === undefined ? repository : `${repository}:${tag}`;
    return {
      eventId,
      atMs: occasion.atMs,
      action,
      subject: tag === undefined && digest !== undefined ? `${tagged}@${digest}` : tagged,
      body: envelopeText(change, occasion, { eventId, includeReferences: this.#options.includeReferences }),
    };
  }

  #makeRoom({ name }: Endpoint): void {
    const { database, metrics, onDropped } = this.#deps;
    const { queueLimit } = this.#options;
    const tooMany = database.notifications.countWaiting(name) - queueLimit;
    if (tooMany <= 0) return;
    database.notifications.drop(name, tooMany, `the queue was full: ${queueLimit} events waited`);
    metrics.lost(name, 'dropped', tooMany);
    onDropped(tooMany);
  }
}
