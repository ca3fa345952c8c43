// The fastify application on the coordinator's HTTPS server: routes, limits, and one form for every failure.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import { fastify, type FastifyInstance } from 'fastify';
import { MAX_API_BODY_BYTES } from '../../shared/protocol/admin-api.ts';
import { isAppError, type ErrorCode } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import { addApiRoutes, type ApiDeps } from './api-routes.ts';
import { API_STATUS } from './api-error.ts';
import { addHealthRoutes } from './health-routes.ts';

/** A request that is not complete by then is given up, so that slow senders cannot hold sockets. */
const REQUEST_TIMEOUT_MS = 15_000;

export interface HttpAppDeps extends ApiDeps {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly isReady: () => boolean;
}

/** Makes the application on `server`, which the caller listens on and closes. Call `ready()` before. */
export function createHttpApp(deps: HttpAppDeps, server: Server): FastifyInstance {
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  const app = fastify({
    serverFactory: (handler: (request: IncomingMessage, response: ServerResponse) => void) =>
      server.on('request', handler),
    bodyLimit: MAX_API_BODY_BYTES,
    logger: false,
    forceCloseConnections: true,
  });
  const requests = deps.metrics.counter({
    name: 'shoal_http_requests_total',
    help: 'Requests of the coordinator API by route and status.',
    labels: ['route', 'status'],
  });
  const errors = deps.metrics.counter({
    name: 'shoal_http_errors_total',
    help: 'Failures of the coordinator API by code.',
    labels: ['code'],
  });
  app.addHook('onResponse', async (request, reply) => {
    requests.add(1, { route: request.routeOptions.url ?? 'unknown', status: String(reply.statusCode) });
  });
  app.setErrorHandler((error, request, reply) => {
    const failure = failureOf(error);
    errors.add(1, { code: failure.code });
    if (failure.status === 500)
      deps.log.error({ err: error, route: request.routeOptions.url }, 'a request failed by a bug');
    void reply.status(failure.status).send({ code: failure.code, message: failure.message });
  });
  app.setNotFoundHandler((_, reply) => {
    void reply.status(404).send({ code: 'not_supported', message: 'there is nothing at this path' });
  });
  addHealthRoutes(app, deps);
  addApiRoutes(app, deps);
  return app;
}

interface Failure {
  readonly code: ErrorCode;
  readonly status: number;
  readonly message: string;
}

/** Fastify's own refusals (a body too large, not JSON) are 4xx with a code that only it knows. */
function failureOf(error: unknown): Failure {
  if (isAppError(error)) return { code: error.code, status: API_STATUS[error.code], message: error.message };
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (error instanceof Error && status >= 400 && status < 500)
    return { code: 'message_invalid', status, message: error.message };
  return { code: 'not_supported', status: 500, message: 'internal error; the log of the coordinator says why' };
}
