// How a command reaches the node on this host: over its registry port, with the secret that the node left in its data folder.

import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Static, TSchema } from 'typebox';
import { Check } from 'typebox/value';
import type { Clock } from '../../shared/runtime/clock.ts';
import { readNodeAccess } from '../../shared/identity/node-access.ts';
import { dataFolder } from '../../shared/runtime/data-folder.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { formatHostPort, parseHostPort } from '../../shared/runtime/host-port.ts';
import { joinSignals } from '../../shared/runtime/joined-signal.ts';
import { parseJson, readText } from '../../shared/runtime/json-answer.ts';

/** Silence or slowness after which a call is given up: a node answers these in milliseconds. */
const NODE_TIMEOUT_MS = 10_000;
/** Where a node listens unless it is told otherwise. */
const DEFAULT_HTTP = '127.0.0.1:5000';
/** Largest answer, a larger one is given up; all the reports that a node keeps are about 5 MB. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** A node, and how to be let in there. */
export interface NodeTarget {
  readonly scheme: 'http' | 'https';
  /** `host:port` */
  readonly address: string;
  /** Of its own data folder; absent where that is not ours to read. */
  readonly secret?: string;
}

/**
 * The node of this host, by its data folder, or the one at `http` when that is given.
 * @param options.http where its registry API listens, as in its settings.
 */
export async function nodeTarget(
  deps: { readonly log: Logger },
  options: { readonly data: string; readonly http?: string | undefined },
): Promise<NodeTarget> {
  const { data, http } = options;
  const own = await readNodeAccess(dataFolder(data).nodeAccess, deps.log);
  const isOwn =
    http === undefined || http === own?.listen || reachableAddress(http) === reachableAddress(own?.address ?? '');
  if (own !== undefined && isOwn) return { ...own, address: reachableAddress(own.address) };
  return { scheme: 'http', address: reachableAddress(http ?? DEFAULT_HTTP) };
}

/**
 * Asks the node.
 * @returns undefined when it has nothing at this path (404).
 * @throws {AppError} `node_unreachable` when there was no answer in time; `credentials_required`; `message_invalid` when it has
 * another shape.
 */
export async function askNode<T extends TSchema>(
  deps: { readonly clock: Clock },
  target: NodeTarget,
  call: { readonly path: string; readonly answer: T },
  signal: AbortSignal,
): Promise<Static<T> | undefined> {
  const { path, answer } = call;
  const { scheme, address } = target;
  const deadline = new AbortController();
  const timer = deps.clock.schedule(NODE_TIMEOUT_MS, () => deadline.abort(new Error('no answer in time')));
  using ended = joinSignals([signal, deadline.signal]);
  const { status, text } = await get(target, path, ended.signal)
    .catch((cause: unknown) => {
      signal.throwIfAborted();
      throw unreachable(address, cause);
    })
    .finally(() => timer.cancel());
  if (status === 404) return undefined;
  if (status === 401 || status === 403) {
    const way = `curl --user NAME ${scheme}://${address}${path}`;
    throw new AppError(
      'credentials_required',
      `the node at ${address} lets only its users see this. Run it as the user that the node runs as, with its --data; or \`${way}\` asks as one of them`,
    );
  }
  const value = status === 200 ? parseJson(text) : undefined;
  if (Check(answer, value)) return value;
  const what = status === 200 ? 'something else' : `with status ${status}`;
  throw new AppError('message_invalid', `${address} answered ${what}; is it a node of this version? (--http)`);
}

/** Who listens on all addresses is reached on loopback. */
function reachableAddress(http: string): string {
  if (http === '') return '';
  const { host, port } = parseHostPort(http);
  if (host === '0.0.0.0') return formatHostPort({ host: '127.0.0.1', port });
  return formatHostPort({ host: host === '::' ? '::1' : host, port });
}

async function get(
  { scheme, address, secret }: NodeTarget,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string }> {
  const headers = secret === undefined ? {} : { authorization: `Bearer ${secret}` };
  const options = { ...parseHostPort(address), path, agent: false, headers, signal };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    // Its certificate is for the name that clients use, not for this address. The secret is of no worth to anybody but this
    // node, which made it when it began to listen here.
    const request = scheme === 'https' ? httpsRequest({ ...options, rejectUnauthorized: false }) : httpRequest(options);
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
