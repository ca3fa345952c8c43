// What operators may ask of a node at an address of its own: what fails, what it counts; and taking it out of service.
//
//   GET  /debug/health         {} or what fails, with 503
//   POST /debug/health/down    out of service;  /debug/health/up  back
//   GET  /debug/vars           memory and age of the process
//   GET  /metrics              or another path: metrics in Prometheus format

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { formatHostPort, parseHostPort } from '../../shared/runtime/host-port.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import type { HealthChecks } from './health-checks.ts';

/** Requests here are small and short; one that takes longer is cut. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Connections at once, the next are closed: a scraper and some people. */
const MAX_CONNECTIONS = 100;

export interface DebugServer extends AsyncDisposable {
  /** `host:port`, with the port that was taken. */
  readonly address: string;
}

interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface DebugDeps {
  readonly checks: HealthChecks;
  readonly metrics: Metrics;
  readonly version: string;
}

/** @param options.metricsPath undefined for none. Rejects with what node:net says when the address cannot be taken. */
export async function startDebugServer(
  deps: DebugDeps,
  options: { readonly listen: string; readonly metricsPath: string | undefined },
): Promise<DebugServer> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    void answer(deps, options.metricsPath, request, response);
  });
  server.maxConnections = MAX_CONNECTIONS;
  const { host, port } = parseHostPort(options.listen);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => resolve());
  });
  return {
    address: takenAddress(server, options.listen),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function takenAddress(server: Server, configured: string): string {
  const taken = server.address();
  return taken === null || typeof taken === 'string'
    ? configured
    : formatHostPort({ host: taken.address, port: taken.port });
}

/** Never rejects. */
async function answer(
  deps: DebugDeps,
  metricsPath: string | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  request.resume();
  const path = (request.url ?? '').split('?')[0] ?? '';
  const reply = await replyTo(deps, metricsPath, `${request.method === 'HEAD' ? 'GET' : request.method} ${path}`).catch(
    () => json(500, { error: 'internal error' }), // of the metrics; the page is asked for again
  );
  response.writeHead(reply.status, {
    'Content-Type': reply.contentType,
    'Content-Length': Buffer.byteLength(reply.body),
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(request.method === 'HEAD' ? undefined : reply.body);
}

async function replyTo(deps: DebugDeps, metricsPath: string | undefined, line: string): Promise<Reply> {
  const { checks, metrics, version } = deps;
  if (metricsPath !== undefined && line === `GET ${metricsPath}`) {
    return { status: 200, ...(await metrics.text()) };
  }
  switch (line) {
    case 'GET /debug/health':
      return json(checks.failing.size === 0 ? 200 : 503, Object.fromEntries(checks.failing));
    case 'POST /debug/health/down':
      checks.setByHand('down');
      return json(200, {});
    case 'POST /debug/health/up':
      checks.setByHand('up');
      return json(200, {});
    case 'GET /debug/vars':
      return json(200, { version, uptimeSeconds: Math.round(process.uptime()), memory: process.memoryUsage() });
    default:
      return json(404, { error: 'there is /debug/health, /debug/health/down, /debug/health/up, /debug/vars' });
  }
}

function json(status: number, value: object): Reply {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value)}\n` };
}
