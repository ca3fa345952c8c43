// The coordinator's HTTPS API (admin-api.ts): bodies checked, access decided, one use case each.

import type { FastifyInstance } from 'fastify';
import type { TSchema, Static } from 'typebox';
import { Check } from 'typebox/value';
import { RolloutQuery } from '../../shared/protocol/rollout.ts';
import { AuditQuery } from '../../shared/protocol/audit-api.ts';
import { EnrolRequest, RenewRequest, TokenRequest } from '../../shared/protocol/admin-api.ts';
import { CollectionRequest, KeptQuery } from '../../shared/protocol/collection-api.ts';
import { NewPassword, NewRobot, NewUser, RightChange } from '../../shared/protocol/users-api.ts';
import { NotificationQuery, RedeliverRequest } from '../../shared/protocol/notifications-api.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Collection } from '../collection/collection.ts';
import type { Notifications } from '../notifications/notifications.ts';
import type { RolloutReader } from '../rollout/rollout-reader.ts';
import type { Enrolment } from '../roster/enrolment.ts';
import type { FleetStatusReader } from '../roster/fleet-status.ts';
import type { FleetUsers } from '../users/fleet-users.ts';
import type { Access } from './access.ts';
import { administratorOf } from './administrator-of.ts';

export interface ApiDeps {
  readonly access: Access;
  readonly audit: Pick<AuditLog, 'read'>;
  readonly collection: Pick<Collection, 'kept' | 'start' | 'state'>;
  readonly enrolment: Enrolment;
  readonly notifications: Pick<Notifications, 'read' | 'redeliver'>;
  readonly status: FleetStatusReader;
  readonly rollouts: Pick<RolloutReader, 'read'>;
  readonly removeNode: (nodeId: string) => void;
  readonly users: FleetUsers;
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
  app.get('/api/notifications', async (request) => {
    access.requireAdmin(request.raw.socket);
    return deps.notifications.read(parseQuery(NotificationQuery, request.query));
  });
  app.post('/api/notifications/redeliver', async (request) => {
    access.requireAdmin(request.raw.socket);
    return deps.notifications.redeliver(parseBody(RedeliverRequest, request.body));
  });
  app.delete('/api/nodes/:id', async (request) => {
    access.requireAdmin(request.raw.socket);
    deps.removeNode(pathWord(request.params, 'id'));
    return {};
  });
  addUserRoutes(app, deps);
}

/** Users, robots and rights: for administrators alone. */
function addUserRoutes(app: FastifyInstance, { access, users }: Pick<ApiDeps, 'access' | 'users'>): void {
  app.get('/api/users', async (request) => {
    access.requireAdmin(request.raw.socket);
    return users.list();
  });
  app.post('/api/users', async (request, reply) => {
    access.requireAdmin(request.raw.socket);
    users.addUser(parseBody(NewUser, request.body), administratorOf(request));
    return reply.status(201).send({});
  });
  app.post('/api/users/:name/password', async (request) => {
    access.requireAdmin(request.raw.socket);
    const { passwordHash } = parseBody(NewPassword, request.body);
    users.setPassword(pathWord(request.params, 'name'), passwordHash, administratorOf(request));
    return {};
  });
  app.delete('/api/users/:name', async (request) => {
    access.requireAdmin(request.raw.socket);
    users.remove(pathWord(request.params, 'name'), 'user', administratorOf(request));
    return {};
  });
  app.post('/api/robots', async (request, reply) => {
    access.requireAdmin(request.raw.socket);
    void reply.status(201);
    return users.addRobot(parseBody(NewRobot, request.body), administratorOf(request));
  });
  app.delete('/api/robots/:name', async (request) => {
    access.requireAdmin(request.raw.socket);
    users.remove(pathWord(request.params, 'name'), 'robot', administratorOf(request));
    return {};
  });
  app.post('/api/rights', async (request) => {
    access.requireAdmin(request.raw.socket);
    return { rights: users.changeRight(parseBody(RightChange, request.body), administratorOf(request)) };
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

/** A part of a path. @throws {AppError} `message_invalid` */
function pathWord(params: unknown, name: string): string {
  const word: unknown = new Map(typeof params === 'object' && params !== null ? Object.entries(params) : []).get(name);
  if (typeof word === 'string') return word;
  throw new AppError('message_invalid', 'a part of the path is missing');
}
