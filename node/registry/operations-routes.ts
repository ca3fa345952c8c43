// What operators and their tools ask of a node: is it alive, can it serve, what does it count.

import type { FastifyPluginCallback } from 'fastify';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import type { AccessPolicy } from './access.ts';
import { requireAccess } from './operator-access.ts';
import type { RegistrySite } from './registry-site.ts';

/** Whether the node can serve: joined, or able to serve on its own, and no health check fails. */
export interface Health {
  /** Health checks that fail, by name. */
  readonly failing: ReadonlyMap<string, string>;
  /** `reason`: why not, or what is wrong all the same. */
  isReady(): { readonly ready: boolean; readonly reason?: string | undefined };
}

/** `/`, for load balancers that look there; `/healthz` and `/readyz`. Open to everybody: they tell nothing of what is here. */
export function operationsRoutes(deps: { readonly health: Health }): FastifyPluginCallback {
  return (app, _options, done) => {
    app.get('/', (_request, reply) => reply.header('cache-control', 'no-cache').send(''));
    app.get('/healthz', (_request, reply) => reply.type('text/plain').send('alive\n'));
    app.get('/readyz', (_request, reply) => {
      const { ready, reason } = deps.health.isReady();
      const word = ready ? 'ready' : 'not ready';
      const text = reason === undefined ? `${word}\n` : `${word}: ${reason}\n`;
      return reply
        .code(ready ? 200 : 503)
        .type('text/plain')
        .send(text);
    });
    done();
  };
}

/** `/metrics`: for everybody with a login, whatever its rights, since numbers tell how busy this host is and of what version. */
export function metricsRoutes(
  deps: { readonly access: AccessPolicy; readonly metrics: Metrics },
  site: Pick<RegistrySite, 'baseUrl' | 'clientAddress' | 'peerAddress'>,
): FastifyPluginCallback {
  return (app, _options, done) => {
    requireAccess(app, { ...deps, site }, { type: 'login' });
    app.get('/metrics', async (_request, reply) => {
      const { contentType, body } = await deps.metrics.text();
      return reply.header('content-type', contentType).send(body);
    });
    done();
  };
}
