// Who sees the pages of operators: decided by the same policy as the registry API.

import type { FastifyInstance } from 'fastify';
import type { AccessNeed, AccessPolicy } from './access.ts';
import { askerOf } from './asker-of.ts';
import type { RegistrySite } from './registry-site.ts';
import { sendFailure } from './send-failure.ts';

/** Lets nobody at the routes of `app` for whom the policy refuses `need`, and answers failures as the API does. */
export function requireAccess(
  app: FastifyInstance,
  deps: {
    readonly access: AccessPolicy;
    readonly site: Pick<RegistrySite, 'baseUrl' | 'clientAddress' | 'peerAddress'>;
  },
  need: AccessNeed,
): void {
  const { access, site } = deps;
  app.addHook('onRequest', async ({ raw }) => {
    await access.authorize(askerOf(site, raw), [need]);
  });
  app.setErrorHandler((error, _request, reply) => sendFailure(reply, error));
}
