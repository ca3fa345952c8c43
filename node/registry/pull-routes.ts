// GET /pulls and /pulls/ID: why a pull took its time, for `shoal pulls` and other tools of operators (pull-report.ts).

import type { FastifyPluginCallback } from 'fastify';
import type { PullDetail, PullList } from '../../shared/protocol/pull-report.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { AccessPolicy } from './access.ts';
import { requireAccess } from './operator-access.ts';
import type { RegistrySite } from './registry-site.ts';
import { Query } from './query.ts';

/** Reports of late pulls. */
export interface PullReports {
  /** Newest first. */
  list(limit: number): PullList;
  /** @returns undefined when there is none of this id, or not any more. */
  detail(id: number): PullDetail | undefined;
}

/** Pulls in one answer; who asks for more gets these. As many as are kept. */
const MAX_LISTED = 1000;
/** Pulls in an answer when nobody says how many. */
const LISTED = 100;

/** They name repositories, so they need what the catalog needs. */
export function pullRoutes(
  deps: { readonly access: AccessPolicy; readonly pulls: PullReports },
  site: Pick<RegistrySite, 'baseUrl' | 'clientAddress' | 'peerAddress'>,
): FastifyPluginCallback {
  return (app, _options, done) => {
    requireAccess(app, { ...deps, site }, { type: 'catalog' });
    app.get('/pulls', (request, reply) => {
      const text = new Query(request.originalUrl.split('?')[1] ?? '').first('limit') ?? String(LISTED);
      const limit = wholeNumber(text);
      if (limit === undefined) throw new AppError('message_invalid', 'limit is not a number');
      return reply.send(deps.pulls.list(Math.min(limit, MAX_LISTED)));
    });
    app.get<{ Params: { readonly id: string } }>('/pulls/:id', (request, reply) => {
      const id = wholeNumber(request.params.id);
      const detail = id === undefined ? undefined : deps.pulls.detail(id);
      if (detail !== undefined) return reply.send(detail);
      throw new AppError('not_supported', 'there is no report of this pull, or not any more; GET /pulls lists them');
    });
    done();
  };
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
