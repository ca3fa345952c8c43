// What is counted of notifications; endpoints are few and named by the operator. On request also under the names of the reference
// registry, for dashboards made for it.

import { STATUS_CODES } from 'node:http';
import type { CounterMetric, Metrics } from '../../shared/runtime/metrics.ts';
import type { Outcome } from './post-event.ts';

export class NotificationMetrics {
  readonly #events: CounterMetric;
  readonly #attempts: CounterMetric;
  readonly #lost: CounterMetric;
  readonly #referenceEvents: CounterMetric | undefined;
  readonly #referenceStatuses: CounterMetric | undefined;

  /** @param deps.referenceMetrics where the reference registry's names go, if they are wanted. */
  constructor(deps: { readonly metrics: Metrics; readonly referenceMetrics?: Metrics | undefined }) {
    const { metrics, referenceMetrics } = deps;
    this.#events = metrics.counter({
      name: 'shoal_notifications_events_total',
      help: 'Events written down for an endpoint.',
      labels: ['endpoint'],
    });
    this.#attempts = metrics.counter({
      name: 'shoal_notifications_attempts_total',
      help: 'Attempts to deliver an event, by what came of it: delivered, refused by an answer, or failed without one.',
      labels: ['endpoint', 'result'],
    });
    this.#lost = metrics.counter({
      name: 'shoal_notifications_lost_total',
      help: 'Events that no attempt is made for any more: dropped from a full queue, or given up after too long.',
      labels: ['endpoint', 'reason'],
    });
    this.#referenceEvents = referenceMetrics?.counter({
      name: 'registry_notifications_events_total',
      help: 'The number of total events',
      labels: ['type', 'endpoint'],
    });
    this.#referenceStatuses = referenceMetrics?.counter({
      name: 'registry_notifications_status_total',
      help: 'The number of status code',
      labels: ['code', 'endpoint'],
    });
  }

  queued(endpoint: string, count: number): void {
    this.#events.add(count, { endpoint });
    this.#referenceEvents?.add(count, { type: 'Events', endpoint });
  }

  attempted(endpoint: string, outcome: Outcome): void {
    const { status } = outcome;
    const failure = status === undefined ? 'failed' : 'refused';
    const isDelivered = outcome.type === 'delivered';
    this.#attempts.add(1, { endpoint, result: isDelivered ? 'delivered' : failure });
    const referenceFailure = status === undefined ? 'Errors' : 'Failures';
    this.#referenceEvents?.add(1, { type: isDelivered ? 'Successes' : referenceFailure, endpoint });
    if (status !== undefined)
      this.#referenceStatuses?.add(1, { code: `${status} ${STATUS_CODES[status] ?? ''}`.trim(), endpoint });
  }

  lost(endpoint: string, reason: 'dropped' | 'given_up', count: number): void {
    this.#lost.add(count, { endpoint, reason });
  }
}
