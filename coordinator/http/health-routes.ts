// GET /healthz, /readyz and /metrics: for anybody who reaches the port; they tell nothing that is private.

import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../../shared/runtime/metrics.ts';

/** Adds the routes. @param deps.isReady able to serve: started, and not stopping. */
export function addHealthRoutes(
  app: FastifyInstance,
  deps: { readonly metrics: Metrics; readonly isReady: () => boolean },
): void {
  app.get('/healthz', async (_, reply) => reply.type('text/plain').send('ok\n'));
  app.get('/readyz', async (_, reply) => {
    if (deps.isReady()) return reply.type('text/plain').send('ready\n');
    return reply.status(503).type('text/plain').send('not ready\n');
  });
  app.get('/metrics', async (_, reply) => {
    const { contentType, body } = await deps.metrics.text();
    return reply.type(contentType).send(body);
  });
}
