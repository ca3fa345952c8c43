// The coordinator's HTTPS API (admin-api.ts): bodies checked, access decided, one use case each.

import type { FastifyInstance } from 'fastify';
import type { TSchema, Static } from 'typebox';
import { Check } from 'typebox/value';
import { RolloutQuery } from '../../shared/protocol/rollout.ts';
import { AuditQuery } from '../../shared/protocol/audit-api.ts';
import { EnrolRequest, RenewRequest, TokenRequest } from '../../shared/protocol/admin-api.ts';
import { CollectionRequest, KeptQuery } from '../../shared/protocol/collection-api.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Collection } from '../collection/collection.ts';
import type { RolloutReader } from '../rollout/rollout-reader.ts';
import type { Enrolment } from '../roster/enrolment.ts';
import type { FleetStatusReader } from '../roster/fleet-status.ts';
import type { Access } from './access.ts';

export interface ApiDeps {
  readonly access: Access;
  readonly audit: Pick<AuditLog, 'read'>;
  readonly collection: Pick<Collection, 'kept' | 'start' | 'state'>;
  readonly enrolment: Enrolment;
  readonly status: FleetStatusReader;
  readonly rollouts: Pick<RolloutReader, 'read'>;
  readonly removeNode: (nodeId: string) => void;
}

/** Adds the routes under /api to `app`. */
export function addApiRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { access, enrolment, status } = deps;
  app.post('/api/enrol', async (request) => enrolment.enrolWithToken(parseBody(EnrolRequest, request.body)));
  app.post('/api/renew', async (request) => {
    const nodeId = access.requireRenewingNode(request.raw.socket);
    const { csr } = parseBody(RenewRequest, request.body);
    return { certificate: enrolment.renew(nodeId, csr) };
  });
  app.post('/api/tokens', async (request, reply) => {
    access.requireAdmin(request.raw.socket);
    void reply.status(201);
    return enrolment.createToken(parseBody(TokenRequest, request.body));
  });
  app.get('/api/status', async (request) => {
    access.requireMember(request.raw.socket);
    return status.read();
  });
  app.get('/api/rollout', async (request) => {
    access.requireMember(request.raw.socket);
    return deps.rollouts.read(parseQuery(RolloutQuery, request.query));
  });
  app.get('/api/nodes', async (request) => {
    access.requireMember(request.raw.socket);
    return { nodes: status.nodes() };
  });
  app.post('/api/collection', async (request) => {
    access.requireAdmin(request.raw.socket);
    return deps.collection.start(parseBody(CollectionRequest, request.body));
  });
  app.get('/api/collection', async (request) => {
    access.requireAdmin(request.raw.socket);
    return deps.collection.state();
  });
  app.get('/api/audit', async (request) => {
    access.requireAdmin(request.raw.socket);
    return deps.audit.read(parseQuery(AuditQuery, request.query));
  });
  app.get('/api/collection/kept', async (request) => {
    access.requireAdmin(request.raw.socket);
    return deps.collection.kept(parseQuery(KeptQuery, request.query));
  });
  app.delete('/api/nodes/:id', async (request) => {
    access.requireAdmin(request.raw.socket);
    deps.removeNode(nodeIdOf(request.params));
    return {};
  });
}

/** @throws {AppError} `message_invalid` */
function parseBody<T extends TSchema>(schema: T, body: unknown): Static<T> {
  if (Check(schema, body)) return body;
  throw new AppError('message_invalid', 'the body is not what this call takes');
}

/** @throws {AppError} `message_invalid` */
function parseQuery<T extends TSchema>(schema: T, query: unknown): Static<T> {
  const plain = typeof query === 'object' && query !== null ? { ...query } : query; // without fastify's own prototype
  if (Check(schema, plain)) return plain;
  throw new AppError('message_invalid', 'the query is not what this call takes');
}

function nodeIdOf(params: unknown): string {
  const id: unknown = typeof params === 'object' && params !== null && 'id' in params ? params.id : undefined;
  if (typeof id === 'string') return id;
  throw new AppError('message_invalid', 'a node id is missing');
}
