// Who asks for a change, for the audit log: the certificate says that it is an administrator, the rest is what the command says.

import { randomUUID } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { ADMINISTRATOR, MAX_PLACE_CHARS, MAX_USER_AGENT_CHARS } from '../../shared/protocol/requester.ts';
import { plainAddress } from '../../shared/runtime/host-port.ts';
import type { Administrator } from '../changes/account-change.ts';

/** Of a request whose access was decided. */
export function administratorOf({ headers, socket }: FastifyRequest): Administrator {
  return {
    user: ADMINISTRATOR,
    address: plainAddress(socket.remoteAddress ?? '').slice(0, MAX_PLACE_CHARS),
    userAgent: (headers['user-agent'] ?? '').slice(0, MAX_USER_AGENT_CHARS),
    requestId: randomUUID(),
  };
}
