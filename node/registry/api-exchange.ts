// One request and its answer, from the first header to the last byte: the only place that writes to the client.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseApiPath, splitTarget } from '../../shared/oci/api-path.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Answer, BlobBody } from './answer.ts';
import type { Dispatch } from './api-dispatch.ts';
import { ApiRequest } from './api-request.ts';
import type { BufferPool } from './buffer-pool.ts';
import { errorAnswer, plainErrorAnswer } from './oci-error.ts';
import type { RegistryOptions } from './registry-options.ts';
import { RequestBody } from './request-body.ts';
import type { RequestMetrics } from './request-metrics.ts';
import { sendBlob } from './send-blob.ts';

/** What metrics say of a client that left before its answer was out. */
const STATUS_CLIENT_LEFT = 499;
/** From this status on a failure is ours and worth a warning. */
const FIRST_SERVER_STATUS = 500;

export interface ExchangeDeps {
  readonly dispatch: Dispatch;
  readonly pool: BufferPool;
  readonly metrics: RequestMetrics;
  readonly log: Logger;
  readonly clock: Clock;
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
  const { clock, log, metrics } = deps;
  const startedMs = clock.nowMs();
  // A write to a client that just left; its going away is seen by `close`, and unheard this event would end the process.
  response.on('error', () => undefined);
  const body = new RequestBody(
    { clock, raw, onIdle: () => answerIdle(response, body) },
    { idleTimeoutMs: options.bodyIdleTimeoutMs, maxDiscardBytes: options.maxDiscardBytes },
  );
  const request = new ApiRequest(raw, target, { response, body });
  const path = parseApiPath(splitTarget(target).path);
  const route = path.type;
  const { method } = request;
  try {
    const answer = await deps.dispatch(path, request);
    await writeAnswer(deps, options, { response, answer, request });
  } catch (error) {
    reportFailure(deps, error, { route, request });
    if (!response.headersSent && !response.destroyed) writeWhole(response, errorAnswer(error), request);
  }
  body.finish();
  const ms = clock.nowMs() - startedMs;
  const status = request.isAbandoned ? STATUS_CLIENT_LEFT : response.statusCode;
  metrics.countRequest({ route, method, status, ms });
  log.debug({ route, method, status, ms }, 'request answered');
}

async function writeAnswer(
  deps: ExchangeDeps,
  options: RegistryOptions,
  outgoing: { readonly response: ServerResponse; readonly answer: Answer; readonly request: ApiRequest },
): Promise<void> {
  const { response, answer, request } = outgoing;
  const { body } = answer;
  if (body === undefined || body instanceof Uint8Array) {
    if (!response.headersSent) writeWhole(response, answer, request);
    return;
  }
  try {
    if (response.headersSent || response.destroyed) return;
    if (body.parts.length === 0) writeWhole(response, answer, request);
    else await streamBlob(deps, options, { response, answer, body, request });
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
): Promise<void> {
  const { request } = outgoing;
  const limits = { stallTimeoutMs: options.responseStallTimeoutMs };
  const sentBytes = await sendBlob(deps, limits, outgoing, request.signal);
  deps.metrics.countBlobBytes(sentBytes);
}

/**
 * HEAD, 204 and 304 have no body; the headers say what it would be. Node destroys the socket of a connection that is not
 * kept alive as soon as its answer ends, and what the client still sends would then reset it before the answer was
 * read: such an answer ends only when the rest of the request's body was thrown away.
 */
function writeWhole(response: ServerResponse, answer: Answer, request: Pick<ApiRequest, 'method' | 'body'>): void {
  response.writeHead(answer.status, answer.headers);
  const { body } = answer;
  const bytes = request.method === 'HEAD' || !(body instanceof Uint8Array) ? undefined : body;
  if (response.shouldKeepAlive || !request.body.isUnread) {
    response.end(bytes);
    return;
  }
  if (bytes === undefined) response.flushHeaders();
  else response.write(bytes);
  request.body.afterDiscard(() => response.end());
}

/** The client stopped sending in the middle of a body: it is told, if it still listens, and the connection ends. */
function answerIdle(response: ServerResponse, body: RequestBody): void {
  if (response.headersSent) {
    body.end();
    return;
  }
  response.once('finish', () => body.end());
  const { status, headers, body: text } = plainErrorAnswer(408, 'the request body stopped arriving');
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
  // The link itself says once that the coordinator is away; every client's retry would say it again.
  const isKnown = error.code === 'coordinator_unreachable' || error.code === 'stale_tag_refused';
  if (status < FIRST_SERVER_STATUS || isKnown)
    log.debug({ route, method: request.method, code: error.code }, 'request refused');
  else log.warn({ route, method: request.method, code: error.code, err: error }, 'request failed');
}
