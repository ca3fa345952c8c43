// The routes of import-api.ts: bodies checked, one use case each.

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Static, TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { MAX_MANIFEST_BYTES } from '../../shared/oci/manifest.ts';
import {
  ADMINISTRATOR,
  MAX_PLACE_CHARS,
  MAX_USER_AGENT_CHARS,
  type Requester,
} from '../../shared/protocol/requester.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { streamBody } from '../content/stream-body.ts';
import type { NodeImports } from '../content/node-imports.ts';
import {
  BLOB_BODY,
  BlobQuery,
  FileRequest,
  HoldRequest,
  MANIFEST_BODY,
  ManifestQuery,
  StateRequest,
} from './import-api.ts';

/** Adds the routes under /import. */
export function addImportRoutes(app: FastifyInstance, imports: NodeImports): void {
  app.addContentTypeParser(BLOB_BODY, (_request, payload, done) => done(null, payload));
  app.addContentTypeParser(
    MANIFEST_BODY,
    { parseAs: 'buffer', bodyLimit: MAX_MANIFEST_BYTES },
    (_request, body, done) => done(null, body),
  );
  app.post('/import/hold', async (request, reply) => ({
    isHeld: await imports.hold(parse(HoldRequest, request.body), leaving(reply)),
  }));
  app.post('/import/file', async (request, reply) =>
    imports.adoptFile(parse(FileRequest, request.body), leaving(reply)),
  );
  app.post('/import/state', async (request, reply) => imports.state(parse(StateRequest, request.body), leaving(reply)));
  app.put('/import/blob', async (request, reply) => {
    const { sizeBytes: lengthBytes, ...blob } = parse(BlobQuery, queryOf(request));
    const { body } = request;
    if (!(body instanceof Readable)) throw new AppError('message_invalid', 'the body is not that of a blob');
    await imports.receive(blob, { body: streamBody(body), lengthBytes }, leaving(reply));
    return {};
  });
  app.put('/import/manifest', async (request, reply) => {
    const { tagging, ...manifest } = parse(ManifestQuery, queryOf(request));
    const { body: bytes } = request;
    if (!(bytes instanceof Uint8Array)) throw new AppError('message_invalid', 'the body is not that of a manifest');
    const mustBeNew = tagging === 'new' && manifest.tags.length > 0;
    const push = {
      ...manifest,
      bytes,
      by: commandOf(request),
      ...(mustBeNew ? { precondition: { ifNoneMatch: ['*'] } } : {}),
    };
    await imports.push(push, leaving(reply));
    return {};
  });
}

/** Who asks: whoever may open the socket, which is the account that the node runs as, or root; the name is the command's word. */
function commandOf({ headers, method }: FastifyRequest): Requester {
  return {
    user: ADMINISTRATOR,
    address: 'local',
    userAgent: (headers['user-agent'] ?? '').slice(0, MAX_USER_AGENT_CHARS),
    requestId: randomUUID(),
    method,
    host: '',
    baseUrl: '',
    registry: hostname().slice(0, MAX_PLACE_CHARS),
  };
}

/** Aborted when the command is gone: what it asked for is then wanted by nobody. */
function leaving(reply: FastifyReply): AbortSignal {
  const left = new AbortController();
  reply.raw.once('close', () => left.abort(new AppError('shutting_down', 'the command was stopped')));
  return left.signal;
}

/** The query is one JSON value, as there are lists in it and values of every kind. */
function queryOf(request: FastifyRequest): unknown {
  const text = new URL(request.originalUrl, 'http://node').searchParams.get('of') ?? '';
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined; // fits no shape, which the caller says
  }
}

/** @throws {AppError} `message_invalid` */
function parse<T extends TSchema>(schema: T, value: unknown): Static<T> {
  if (Check(schema, value)) return value;
  throw new AppError('message_invalid', 'the node does not know this call; are command and node of the same version?');
}
