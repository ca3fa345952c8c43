// A failure of a route that is none of the registry API, in the form that the API gives it.

import type { FastifyReply } from 'fastify';
import { errorAnswer } from './oci-error.ts';

/** For fastify's `setErrorHandler`. */
export function sendFailure(reply: FastifyReply, error: unknown): void {
  const { status, headers, body } = errorAnswer(error);
  for (let at = 0; at < headers.length; at += 2) void reply.header(headers[at] ?? '', headers[at + 1]);
  void reply.code(status).send(body);
}
