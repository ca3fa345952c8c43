// How a command reaches the node on this host: over the plain HTTP of its registry port.

import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Static, TSchema } from 'typebox';
import { Check } from 'typebox/value';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { formatHostPort, parseHostPort } from '../../shared/runtime/host-port.ts';
import { joinSignals } from '../../shared/runtime/joined-signal.ts';
import { parseJson, readText } from '../../shared/runtime/json-answer.ts';

/** Silence or slowness after which a call is given up: a node answers these in milliseconds. */
const NODE_TIMEOUT_MS = 10_000;
/** Largest answer, a larger one is given up; all the reports that a node keeps are about 5 MB. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/**
 * Asks the node. @param call.http where its registry API listens, as in its settings.
 * @returns undefined when it has nothing at this path (404).
 * @throws {AppError} `node_unreachable` when there was no answer in time; `credentials_required`; `message_invalid` when it has
 * another shape.
 */
export async function askNode<T extends TSchema>(
  deps: { readonly clock: Clock },
  call: { readonly http: string; readonly path: string; readonly answer: T },
  signal: AbortSignal,
): Promise<Static<T> | undefined> {
  const { http, path, answer } = call;
  const address = reachableAddress(http);
  const deadline = new AbortController();
  const timer = deps.clock.schedule(NODE_TIMEOUT_MS, () => deadline.abort(new Error('no answer in time')));
  using ended = joinSignals([signal, deadline.signal]);
  const { status, text } = await get(address, path, ended.signal)
    .catch((cause: unknown) => {
      signal.throwIfAborted();
      throw unreachable(address, cause);
    })
    .finally(() => timer.cancel());
  if (status === 404) return undefined;
  if (status === 401 || status === 403) {
    const way = `curl --user NAME http://${address}${path}`;
    throw new AppError(
      'credentials_required',
      `the node at ${address} lets only its users see this; \`${way}\` asks as one`,
    );
  }
  const value = status === 200 ? parseJson(text) : undefined;
  if (Check(answer, value)) return value;
  const what = status === 200 ? 'something else' : `with status ${status}`;
  throw new AppError('message_invalid', `${address} answered ${what}; is it a node of this version? (--http)`);
}

/** Who listens on all addresses is reached on loopback. */
function reachableAddress(http: string): string {
  const { host, port } = parseHostPort(http);
  if (host === '0.0.0.0') return formatHostPort({ host: '127.0.0.1', port });
  return formatHostPort({ host: host === '::' ? '::1' : host, port });
}

async function get(
  address: string,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpRequest({ ...parseHostPort(address), path, agent: false, signal });
    request.once('response', resolve);
    request.once('error', reject);
    request.end();
  });
  return { status: response.statusCode ?? 0, text: await readText(response, MAX_ANSWER_BYTES) };
}

function unreachable(address: string, cause: unknown): AppError {
  const reason = cause instanceof Error ? reasonOf(cause) : String(cause);
  const advice = 'Is a node running on this host? Name another address with --http';
  return new AppError('node_unreachable', `cannot reach the node at ${address}: ${reason}. ${advice}`, { cause });
}

function reasonOf(error: Error): string {
  const code = 'code' in error ? String(error.code) : '';
  return code === 'ECONNREFUSED' ? 'nothing listens there (connection refused)' : error.message;
}
