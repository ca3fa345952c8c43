// One request and its answer, from the first header to the last byte: the only place that writes to the client.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseApiPath, splitTarget, type ApiPath } from '../../shared/oci/api-path.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { AccessLog } from './access-log.ts';
import type { Answer, BlobBody } from './answer.ts';
import type { Dispatch } from './api-dispatch.ts';
import { ApiRequest } from './api-request.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { Health } from './operations-routes.ts';
import { errorAnswer, plainErrorAnswer } from './oci-error.ts';
import type { RegistryOptions } from './registry-options.ts';
import type { ReferenceMetrics } from './reference-metrics.ts';
import type { RegistrySite } from './registry-site.ts';
import { RequestBody } from './request-body.ts';
import type { RequestMetrics } from './request-metrics.ts';
import { sendBlob } from './send-blob.ts';

/** What metrics say of a client that left before its answer was out. */
const STATUS_CLIENT_LEFT = 499;
/** Up to this size a body leaves in one write with its headers, as most manifests do; a longer one is cheaper to send as it is. */
const MAX_JOINED_BYTES = 16 * 1024;
/** From this status on a failure is ours and worth a warning. */
const FIRST_SERVER_STATUS = 500;

export interface ExchangeDeps {
  readonly dispatch: Dispatch;
  readonly pool: BufferPool;
  readonly metrics: RequestMetrics;
  readonly log: Logger;
  readonly clock: Clock;
  readonly site: RegistrySite;
  readonly health: Health;
  readonly accessLog: AccessLog | undefined;
  /** Present when the reference registry's own names are wanted. */
  readonly referenceMetrics: ReferenceMetrics | undefined;
}

/**
 * Answers one request of the registry API. Resolves when the answer is out or the client is gone; never rejects.
 * @param incoming.target the request target as the client sent it.
 */
export async function exchange(
  deps: ExchangeDeps,
  options: RegistryOptions,
  incoming: { readonly raw: IncomingMessage; readonly response: ServerResponse; readonly target: string },
): Promise<void> {
  const { raw, response, target } = incoming;
  const { clock } = deps;
  const startedMs = clock.nowMs();
  const finished = (answer: Answer): Answer => ({ ...answer, headers: deps.site.finish(answer.headers, raw) });
  // A write to a client that just left; its going away is seen by `close`, and unheard this event would end the process.
  response.on('error', () => undefined);
  const body = new RequestBody(
    { clock, raw, onIdle: () => answerIdle(response, body, finished) },
    { idleTimeoutMs: options.bodyIdleTimeoutMs, maxDiscardBytes: options.maxDiscardBytes },
  );
  const request = new ApiRequest(raw, target, { response, body, site: deps.site });
  const path = parseApiPath(splitTarget(target).path);
  const route = path.type;
  let sentBytes = 0;
  deps.referenceMetrics?.begin(route);
  try {
    deps.site.checkHost(raw);
    refuseWhenUnhealthy(deps.health);
    const answer = finished(await deps.dispatch(path, request));
    sentBytes = await writeAnswer(deps, options, { response, answer, request });
  } catch (error) {
    reportFailure(deps, error, { route, request });
    if (!response.headersSent && !response.destroyed) {
      sentBytes = writeWhole(response, finished(errorAnswer(error)), request);
    }
  }
  body.finish();
  const status = request.isAbandoned ? STATUS_CLIENT_LEFT : response.statusCode;
  report(deps, { route, request, raw, target, status, sentBytes, ms: clock.nowMs() - startedMs });
}

/** @throws {AppError} `unhealthy` */
function refuseWhenUnhealthy({ failing }: Health): void {
  if (failing.size === 0) return;
  throw new AppError('unhealthy', 'a health check of this registry fails; its operator finds more in its log');
}

/** Counts an exchange that is over, and writes it down where that is wanted. */
function report(
  deps: ExchangeDeps,
  done: {
    readonly route: ApiPath['type'];
    readonly request: ApiRequest;
    readonly raw: IncomingMessage;
    readonly target: string;
    readonly status: number;
    readonly sentBytes: number;
    readonly ms: number;
  },
): void {
  const { request, raw, target, ...outcome } = done;
  const { route, status, ms, sentBytes } = outcome;
  const { method } = request;
  deps.metrics.countRequest({ route, method, status, ms });
  deps.referenceMetrics?.finish({ ...outcome, method, receivedBytes: request.body.lengthBytes ?? 0 });
  deps.accessLog?.add({
    raw,
    target,
    clientAddress: request.clientAddress,
    user: request.subject,
    status,
    sentBytes,
    atMs: deps.clock.wallMs() - ms,
  });
  deps.log.debug({ route, method, status, ms }, 'request answered');
}

async function writeAnswer(
  deps: ExchangeDeps,
  options: RegistryOptions,
  outgoing: { readonly response: ServerResponse; readonly answer: Answer; readonly request: ApiRequest },
): Promise<number> {
  const { response, answer, request } = outgoing;
  const { body } = answer;
  if (body === undefined || body instanceof Uint8Array) {
    return response.headersSent ? 0 : writeWhole(response, answer, request);
  }
  try {
    if (response.headersSent || response.destroyed) return 0;
    if (body.parts.length === 0) return writeWhole(response, answer, request);
    return await streamBlob(deps, options, { response, answer, body, request });
  } finally {
    await body.reader[Symbol.asyncDispose]();
  }
}

async function streamBlob(
  deps: ExchangeDeps,
  options: RegistryOptions,
  outgoing: {
    readonly response: ServerResponse;
    readonly answer: Answer;
    readonly body: BlobBody;
    readonly request: ApiRequest;
  },
): Promise<number> {
  const { request } = outgoing;
  const limits = { stallTimeoutMs: options.responseStallTimeoutMs };
  const sentBytes = await sendBlob(deps, limits, outgoing, request.signal);
  deps.metrics.countBlobBytes(sentBytes);
  return sentBytes;
}

/**
 * HEAD, 204 and 304 have no body; the headers say what it would be. Node destroys the socket of a connection that is not
 * kept alive as soon as its answer ends, and what the client still sends would then reset it before the answer was
 * read: such an answer ends only when the rest of the request's body was thrown away.
 * @returns bytes of the body.
 */
function writeWhole(response: ServerResponse, answer: Answer, request: Pick<ApiRequest, 'method' | 'body'>): number {
  response.writeHead(answer.status, answer.headers);
  const { body } = answer;
  const bytes = request.method === 'HEAD' || !(body instanceof Uint8Array) ? undefined : body;
  if (response.shouldKeepAlive || !request.body.isUnread) {
    endWith(response, bytes);
    return bytes?.byteLength ?? 0;
  }
  if (bytes === undefined) response.flushHeaders();
  else response.write(bytes);
  request.body.afterDiscard(() => response.end());
  return bytes?.byteLength ?? 0;
}

/** Node joins headers and a short text into one write; a buffer goes out beside them, which makes a request dearer by a tenth and more. */
function endWith(response: ServerResponse, bytes: Uint8Array | undefined): void {
  if (bytes === undefined || bytes.byteLength > MAX_JOINED_BYTES) response.end(bytes);
  // Every byte is one character of latin1, and the other way round.
  else response.end(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1'), 'latin1');
}

/** The client stopped sending in the middle of a body: it is told, if it still listens, and the connection ends. */
function answerIdle(response: ServerResponse, body: RequestBody, finished: (answer: Answer) => Answer): void {
  if (response.headersSent) {
    body.end();
    return;
  }
  response.once('finish', () => body.end());
  const { status, headers, body: text } = finished(plainErrorAnswer(408, 'the request body stopped arriving'));
  response.writeHead(status, headers);
  response.end(text);
}

/** Failures that we expect are counted; those that are ours or bugs are also told to the operator. */
function reportFailure(
  deps: ExchangeDeps,
  error: unknown,
  at: { readonly route: string; readonly request: ApiRequest },
): void {
  const { log, metrics } = deps;
  const { route, request } = at;
  if (request.isAbandoned) {
    log.debug({ route, method: request.method, err: error }, 'client left');
    return;
  }
  if (!(error instanceof AppError)) {
    metrics.countError('internal');
    log.error({ route, method: request.method, err: error }, 'request failed by a bug');
    return;
  }
  metrics.countError(error.code);
  const { status } = errorAnswer(error);
  // The link itself says once that the coordinator is away, and a check that it fails; every client's retry would say it again.
  const isKnown = ['coordinator_unreachable', 'stale_tag_refused', 'unhealthy'].includes(error.code);
  if (status < FIRST_SERVER_STATUS || isKnown)
    log.debug({ route, method: request.method, code: error.code }, 'request refused');
  else log.warn({ route, method: request.method, code: error.code, err: error }, 'request failed');
}
