// Serves commands on this host over a socket in the data folder. Who may open it is decided by the file system: the folder of
// the socket and the socket are the node's user's alone.

import { chmod, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fastify, type FastifyInstance } from 'fastify';
import { isAppError, type ErrorCode } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { makeFolders } from '../../shared/runtime/make-folders.ts';
import type { NodeImports } from '../content/node-imports.ts';
import { addImportRoutes } from './import-routes.ts';
import { withSocketPath } from './socket-path.ts';

/** Connections at once, the next are closed: a few commands with a few calls each. */
const MAX_CONNECTIONS = 64;
/** A query holds a hundred tags of 128 characters each, escaped. */
const MAX_HEADER_BYTES = 64 * 1024;
const FOLDER_MODE = 0o700;
const SOCKET_MODE = 0o600;

/**
 * Starts serving. A disk that has no sockets is no reason not to start: commands then say that no node runs here.
 * @param path of the socket. What an earlier process left there is replaced, so the caller owns the data folder.
 */
export async function startAdminServer(
  deps: { readonly log: Logger; readonly imports: NodeImports },
  path: string,
): Promise<AsyncDisposable> {
  const app = createApp(deps);
  try {
    await makeFolders(dirname(path), FOLDER_MODE);
    await chmod(dirname(path), FOLDER_MODE);
    await rm(path, { force: true });
    await withSocketPath(path, (address) => app.listen({ path: address }));
    await chmod(path, SOCKET_MODE);
  } catch (error) {
    deps.log.warn({ err: error, path }, 'commands on this host cannot reach this node: no socket in the data folder');
  }
  return {
    async [Symbol.asyncDispose]() {
      await app.close();
      await rm(path, { force: true });
    },
  };
}

function createApp({ log, imports }: Parameters<typeof startAdminServer>[0]): FastifyInstance {
  const app = fastify({
    logger: false,
    requestTimeout: 0, // a blob of hundreds of gigabytes is hashed within one call
    http: { maxHeaderSize: MAX_HEADER_BYTES },
    forceCloseConnections: true,
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  app.setErrorHandler((error, request, reply) => {
    const failure = failureOf(error);
    if (failure.status === 500) log.error({ err: error, route: request.routeOptions.url }, 'a request failed by a bug');
    void reply.status(failure.status).send(failure.body);
  });
  app.setNotFoundHandler((_request, reply) => {
    void reply.status(404).send({ code: 'not_supported', message: 'this node does not know this call; is it older?' });
  });
  addImportRoutes(app, imports);
  return app;
}

interface Failure {
  readonly status: number;
  readonly body: { readonly code: ErrorCode; readonly message: string };
}

function failureOf(error: unknown): Failure {
  if (isAppError(error)) return { status: 422, body: { code: error.code, message: error.message } };
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (error instanceof Error && status >= 400 && status < 500)
    return { status, body: { code: 'message_invalid', message: error.message } };
  return { status: 500, body: { code: 'not_supported', message: 'internal error; the log of the node says why' } };
}
