// One HTTP request and its whole answer, to a port or through a Unix socket. For tests: bodies are gathered in memory.

import * as http from 'node:http';
import * as https from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Where a server is. `tls` means HTTPS with whatever certificate it shows. */
export interface HttpTarget {
  readonly address: { readonly socketPath: string } | { readonly host?: string; readonly port: number };
  readonly tls?: boolean;
}

/** A request; `path` goes out as it stands, escapes and all. */
export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: undefined | Uint8Array | string | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  readonly timeoutMs?: number;
}

/** An answer with its whole body. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

/** @throws {Error} if the connection fails, the answer is cut short or time is up; never for a status. */
export async function exchange(target: HttpTarget, request: HttpRequest): Promise<HttpAnswer> {
  const signal = AbortSignal.timeout(request.timeoutMs ?? 60_000);
  // As real clients do, it offers to keep the connection: a server that refuses a body then reads it to its end.
  const agent = new (target.tls ? https.Agent : http.Agent)({ keepAlive: true });
  try {
    return await exchangeWithin(target, request, { signal, agent });
  } catch (cause) {
    const why = signal.aborted ? 'not in time' : 'no whole answer';
    throw new Error(`${request.method} ${request.path}: ${why}`, { cause });
  } finally {
    agent.destroy();
  }
}

async function exchangeWithin(
  target: HttpTarget,
  request: HttpRequest,
  transport: { readonly signal: AbortSignal; readonly agent: http.Agent },
): Promise<HttpAnswer> {
  const { method, path, headers = {}, body } = request;
  const options = { ...target.address, method, path, headers, ...transport } as const;
  const outgoing = target.tls
    ? https.request({ ...options, rejectUnauthorized: false }) // the fleet's own authority; tests of identity look closer
    : http.request(options);
  const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve).on('error', reject);
  });
  await Promise.race([sendBody(outgoing, body), answered]); // a server may answer before it has read everything
  const incoming = await answered;
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) };
}

async function sendBody(outgoing: http.ClientRequest, body: HttpRequest['body']): Promise<void> {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    outgoing.end(body);
    return;
  }
  try {
    await pipeline(Readable.from(body, { objectMode: false }), outgoing);
  } catch {
    // the server closed early: its answer, or the request's own error, says why
  }
}
