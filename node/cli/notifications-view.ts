// Endpoints and deliveries of notifications as lines for people. Pure.

import type { Delivery, EndpointStatus, NotificationPage } from '../../shared/protocol/notifications-api.ts';
import { showDuration } from './human-units.ts';
import { plain, table, type Column } from './text-table.ts';

/** Characters of a digest that people compare. */
const DIGEST_CHARS = 19;

const ENDPOINT_COLUMNS: readonly Column[] = [
  { title: 'ENDPOINT', align: 'left' },
  { title: 'HOST', align: 'left' },
  { title: 'WAITING', align: 'right' },
  { title: 'DELIVERED', align: 'right' },
  { title: 'FAILED', align: 'right' },
  { title: 'DROPPED', align: 'right' },
  { title: 'PAUSED', align: 'right' },
];

const DELIVERY_COLUMNS: readonly Column[] = [
  { title: 'EVENT', align: 'left' },
  { title: 'HAPPENED', align: 'left' },
  { title: 'ENDPOINT', align: 'left' },
  { title: 'ACTION', align: 'left' },
  { title: 'WHAT', align: 'left' },
  { title: 'STATE', align: 'left' },
  { title: 'TRIED', align: 'right' },
  { title: 'LAST ANSWER', align: 'left' },
];

/** Endpoints, then deliveries, the newest first. Ends with a line end. */
export function renderNotifications(page: Pick<NotificationPage, 'endpoints' | 'deliveries'>): string {
  const { endpoints, deliveries } = page;
  const lines =
    endpoints.length === 0
      ? ['no endpoint is configured: see notifications.endpoints in docs/operations.md']
      : table(ENDPOINT_COLUMNS, endpoints.map(endpointCells));
  if (deliveries.length > 0) lines.push('', ...table(DELIVERY_COLUMNS, deliveries.map(deliveryCells)));
  return `${lines.join('\n')}\n`;
}

function endpointCells(endpoint: EndpointStatus): string[] {
  const { name, host, waiting, delivered, failed, dropped, pausedMs } = endpoint;
  const paused = pausedMs === 0 ? '' : showDuration(Math.max(1000, pausedMs));
  return [name, host, String(waiting), String(delivered), String(failed), String(dropped), paused].map(plain);
}

function deliveryCells(delivery: Delivery): string[] {
  const { eventId, atMs, endpoint, action, subject, state, attempts, status, problem } = delivery;
  const time = new Date(atMs).toISOString().slice(0, 19).replace('T', ' ');
  const [name = '', digest] = subject.split('@');
  const what = digest === undefined ? name : `${name}@${digest.slice(0, DIGEST_CHARS)}`;
  const answer = problem ?? (status === undefined ? '' : String(status));
  return [eventId, `${time}Z`, endpoint, action, what, state, String(attempts), answer].map(plain);
}
