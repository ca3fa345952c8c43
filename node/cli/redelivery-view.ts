// What became of a wish to send events again, in words for people. Pure.

import type { RedeliverResponse } from '../../shared/protocol/notifications-api.ts';
import { showCount } from './human-units.ts';
import { plain } from './text-table.ts';

/** What was asked for: one event, or all in a state. */
export interface Redelivery {
  readonly eventId: string | undefined;
  readonly state: 'failed' | 'dropped' | undefined;
  readonly endpoint: string | undefined;
}

/** @returns what to print, ended or empty; and why nothing is sent though something was asked for, which is a failure. */
export function redeliveryView(
  answer: RedeliverResponse,
  asked: Redelivery,
): { readonly text: string; readonly problem?: string } {
  const { count, left, waiting, unconfigured } = answer;
  const lines: string[] = [];
  if (count > 0) lines.push(`${showCount(count, 'event')} will be sent again`);
  if (count > 0 && left > 0) lines.push(`not sent: ${showCount(left, 'event')}, as ${NO_ROOM}`);
  if (waiting > 0) lines.push(`${showCount(waiting, 'delivery', 'deliveries')} of it waited already`);
  if (count > 0 || waiting > 0) return { text: lines.map((line) => `${line}\n`).join('') };
  const to = asked.endpoint === undefined ? '' : ` for the endpoint ${plain(asked.endpoint)}`;
  if (left > 0) return { text: '', problem: `${showCount(left, 'event')}${to} cannot be sent again, as ${NO_ROOM}` };
  if (asked.eventId === undefined) return { text: `the delivery log has no ${asked.state} event${to}\n` };
  if (unconfigured.length > 0) {
    const names = unconfigured.map(plain).join(', ');
    return { text: '', problem: `this event was for an endpoint that is not configured: ${names}` };
  }
  return { text: '', problem: `the delivery log has no event ${plain(asked.eventId)}${to}. ${LOG_ADVICE}` };
}

const NO_ROOM =
  'the queue is full (notifications.queueLimit). Send them again when fewer wait: `shoal notifications list` shows how many';
const LOG_ADVICE =
  '`shoal notifications list` shows those that it has; how many and how long it keeps is set by notifications.logEntries and .logAgeMs';
