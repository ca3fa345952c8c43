// The registry API of a node as a fastify app. It does not listen: whoever starts the process does.
//
// Everything under /v2 is taken over before fastify sees it: repository names hold slashes, digests are longer than its
// parameters may be, bodies must not be buffered or refused for their type, its senders add a charset, and its routing
// would cost a fifth of a manifest request. Health, readiness and metrics are ordinary routes.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { fastify, type FastifyInstance, type FastifyReply } from 'fastify';
import { isApiPath, splitTarget } from '../../shared/oci/api-path.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { isLoopback, plainAddress } from '../../shared/runtime/host-port.ts';
import type { LineSink, Logger } from '../../shared/runtime/log.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import { Seldom } from '../../shared/runtime/seldom.ts';
import type { Content } from '../content/content.ts';
import type { PullEvents } from '../content/pull-events.ts';
import { AccessLog } from './access-log.ts';
import type { AccessPolicy } from './access.ts';
import { createDispatch } from './api-dispatch.ts';
import type { UpstreamContent } from './namespace.ts';
import { exchange } from './api-exchange.ts';
import { BufferPool } from './buffer-pool.ts';
import { answerClientError, limitConnections, type ClientErrorDeps, type ResponsesUnderWay } from './client-error.ts';
import { closeAfterAnswers } from './close-after-answers.ts';
import { errorAnswer } from './oci-error.ts';
import { metricsRoutes, operationsRoutes, type Health } from './operations-routes.ts';
import { pullRoutes, type PullReports } from './pull-routes.ts';
import { DEFAULT_REGISTRY_OPTIONS, KEEP_ALIVE_MS, MAX_HEADER_BYTES, type RegistryOptions } from './registry-options.ts';
import { ReferenceMetrics } from './reference-metrics.ts';
import { RegistrySite } from './registry-site.ts';
import { RequestMetrics } from './request-metrics.ts';
import { searchRoutes } from './search-routes.ts';
import type { TokenSource } from './token-routes.ts';

/** Clients that speak TLS here are told of in the log at most this often; each is answered. */
const TELL_EVERY_MS = 60_000;

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Makes the server that the API is served on, which does not listen yet. */
export type MakeServer = (handler: Handler, options: ServerOptions) => Server;

interface ServerOptions {
  readonly maxHeaderSize: number;
  readonly keepAliveTimeout: number;
  /** 0: long uploads are fine; a body that stops arriving is ended by its own watch. */
  readonly requestTimeout: 0;
}

const serverOptions: ServerOptions = {
  maxHeaderSize: MAX_HEADER_BYTES,
  keepAliveTimeout: KEEP_ALIVE_MS,
  requestTimeout: 0,
};

export interface RegistryDeps {
  /** For another server than one that speaks plain HTTP. */
  readonly makeServer?: MakeServer | undefined;
  /** What this fleet holds, and repositories that are named as an upstream's. */
  readonly content: Content;
  /** Present when this registry is a cache of others. */
  readonly upstreams?: UpstreamContent | undefined;
  readonly access: AccessPolicy;
  readonly tokens?: TokenSource | undefined;
  readonly health: Health;
  readonly pulls: PullReports;
  /** Told of what clients pull; absent where nobody hears of it. */
  readonly pullEvents?: PullEvents | undefined;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Takes a line for each request; absent when there is no access log. */
  readonly accessLines?: LineSink | undefined;
}

/**
 * Makes the app; `app.listen` starts it and `app.close` stops it: no new connections, idle ones closed, running
 * requests finished. Make one per `Metrics`.
 */
export function createRegistryApp(deps: RegistryDeps, options: Partial<RegistryOptions> = {}): FastifyInstance {
  const settings: RegistryOptions = { ...DEFAULT_REGISTRY_OPTIONS, ...options };
  const site = new RegistrySite(settings);
  const responses: ResponsesUnderWay = new WeakMap();
  const clientErrors = clientErrorDeps(deps, { responses, site });
  const exchangeDeps = {
    dispatch: createDispatch(deps, settings),
    pool: new BufferPool({ bufferCount: settings.blobBufferCount }),
    metrics: new RequestMetrics(deps.metrics),
    log: deps.log,
    clock: deps.clock,
    site,
    health: deps.health,
    accessLog: deps.accessLines === undefined ? undefined : new AccessLog(deps.accessLines),
    referenceMetrics: settings.referenceMetrics ? new ReferenceMetrics(deps.metrics) : undefined,
  };
  const api: ApiHandler = (raw, response, target) => {
    responses.set(raw.socket, response);
    void exchange(exchangeDeps, settings, { raw, response, target });
  };
  const app = fastify({
    serverFactory: serverFactory(deps.makeServer ?? makePlainServer, { site, api }),
    logger: false,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    // Requests on open connections are still served while closing; each of them then ends its connection.
    return503OnClosing: false,
    clientErrorHandler: (error, socket) => answerClientError(clientErrors, error, socket),
  });
  limitConnections(app.server, settings.maxConnections);
  app.addHook('onRequest', (request, reply, done) => beginOperation(site, { raw: request.raw, reply, done }));
  app.setNotFoundHandler((_request, reply) => {
    const { status, body } = errorAnswer(new AppError('not_supported', site.whereTheApiIs()));
    void reply.code(status).type('application/json').send(body);
  });
  closeAfterAnswers(app);
  void app.register(operationsRoutes(deps));
  void app.register(metricsRoutes(deps, site));
  void app.register(pullRoutes(deps, site));
  void app.register(searchRoutes({ access: deps.access, manifests: deps.content.manifests }, site));
  return app;
}

type ApiHandler = (raw: IncomingMessage, response: ServerResponse, target: string) => void;

const makePlainServer: MakeServer = (handler, options) => createServer(options, handler);

/** @param parts.api takes the requests of the registry API, whose targets it gets as if there were no prefix. */
function serverFactory(
  makeServer: MakeServer,
  { site, api }: { readonly site: RegistrySite; readonly api: ApiHandler },
): (others: Handler) => Server {
  return (others) =>
    makeServer((raw, response) => {
      const target = site.localTarget(raw.url ?? '/');
      if (target !== undefined && isApiPath(splitTarget(target).path)) api(raw, response, target);
      else others(raw, response);
    }, serverOptions);
}

function clientErrorDeps(
  deps: RegistryDeps,
  parts: { readonly responses: ResponsesUnderWay; readonly site: RegistrySite },
): ClientErrorDeps {
  const tellOfTls = new Seldom(deps, { everyMs: TELL_EVERY_MS });
  return {
    responses: parts.responses,
    headers: parts.site.headers.for(undefined),
    onTlsClient: (client) => tellOfTls.act(() => tellOfTlsClient(deps.log, client)),
  };
}

/** What is no registry request gets the same headers and the same check of its host. */
function beginOperation(
  site: RegistrySite,
  request: { readonly raw: IncomingMessage; readonly reply: FastifyReply; readonly done: () => void },
): void {
  const { raw, reply, done } = request;
  addHeaders(reply.raw, site.headers.for(raw.headers.origin));
  try {
    site.checkHost(raw);
  } catch (error) {
    const { status, body } = errorAnswer(error);
    void reply.code(status).type('application/json').send(body);
    return;
  }
  done();
}

/** Clients on this host try TLS first as a matter of course, and go on with HTTP. */
function tellOfTlsClient(log: Logger, client: string): void {
  const advice =
    'put this registry into insecure-registries of its docker, or give this one a certificate: --tls-certificate, --tls-key';
  if (isLoopback(plainAddress(client))) log.debug({ client }, 'a client speaks TLS to the plain HTTP port');
  else log.warn({ client, advice }, 'a client speaks TLS to the plain HTTP port');
}

function addHeaders(response: ServerResponse, headers: readonly string[]): void {
  for (let index = 0; index < headers.length; index += 2) {
    response.appendHeader(headers[index] ?? '', headers[index + 1] ?? '');
  }
}
