// What is told of whoever made a request: for the audit log and for notifications. Whatever the client chooses is cut.

import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { hostname } from 'node:os';
import {
  MAX_PLACE_CHARS,
  MAX_USER_AGENT_CHARS,
  MAX_USER_CHARS,
  type Requester,
} from '../../shared/protocol/requester.ts';
import { formatHostPort } from '../../shared/runtime/host-port.ts';
import type { Subject } from './access.ts';

/** @param facts.subject as the policy of access found out. */
export function requesterOf(
  raw: IncomingMessage,
  facts: { readonly subject: Subject; readonly clientAddress: string; readonly baseUrl: string | undefined },
): Requester {
  const { headers, method = '', socket } = raw;
  const port = socket.localPort;
  return {
    user: (facts.subject ?? '').slice(0, MAX_USER_CHARS),
    address: place(facts.clientAddress),
    userAgent: (headers['user-agent'] ?? '').slice(0, MAX_USER_AGENT_CHARS),
    requestId: randomUUID(),
    method: method.slice(0, 16),
    host: place(headers.host),
    baseUrl: place(facts.baseUrl),
    registry: place(port === undefined ? hostname() : formatHostPort({ host: hostname(), port })),
  };
}

function place(text: string | undefined): string {
  return (text ?? '').slice(0, MAX_PLACE_CHARS);
}
