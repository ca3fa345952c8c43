// Calls of the coordinator's HTTPS API (admin-api.ts) from our own programs: one request, one bounded JSON answer.

import { request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { Static, TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { coordinatorOf } from '../identity/coordinator-check.ts';
import type { Clock } from '../runtime/clock.ts';
import { AppError } from '../runtime/errors.ts';
import { parseHostPort } from '../runtime/host-port.ts';
import { joinSignals } from '../runtime/joined-signal.ts';
import { parseJson, readText } from '../runtime/json-answer.ts';
import { ApiFailure } from './admin-api.ts';

/** Silence or slowness after which a call is given up: a coordinator answers these in milliseconds. */
export const API_TIMEOUT_MS = 10_000;
/** Largest answer, a larger one is given up: a status document of ten thousand nodes is about 5 MiB. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** `detail.reason` when something answers at the address that another authority vouches for. */
export const STRANGER = 'stranger';
/** What OpenSSL says of a certificate that another authority signed. */
const STRANGER_CODES: ReadonlySet<string> = new Set([
  'CERT_SIGNATURE_FAILURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

export interface CoordinatorTarget {
  /** `host:port` */
  readonly address: string;
  readonly fleetId: string;
  /** The fleet's authority, PEM. */
  readonly ca: string;
  /** Who we are; absent when joining. */
  readonly cert?: string;
  readonly key?: string;
  /** What we say of ourselves, for the audit log. */
  readonly userAgent?: string;
}

/**
 * Calls the coordinator, which must prove to be that of the fleet.
 * @throws {AppError} what the coordinator answered; `coordinator_unreachable` when there was no answer in time or the
 * other end is not this fleet's coordinator; `message_invalid` when the answer has another shape.
 */
export async function callCoordinator<T extends TSchema>(
  deps: { readonly clock: Clock },
  target: CoordinatorTarget,
  call: {
    readonly method: 'GET' | 'POST' | 'DELETE';
    readonly path: string;
    readonly body?: object;
    readonly answer: T;
  },
  signal: AbortSignal,
): Promise<Static<T>> {
  const deadline = new AbortController();
  const timer = deps.clock.schedule(API_TIMEOUT_MS, () => deadline.abort(new Error('no answer in time')));
  using ended = joinSignals([signal, deadline.signal]);
  const { status, text } = await exchange(target, call, ended.signal)
    .catch((cause: unknown) => {
      signal.throwIfAborted();
      throw unreachable(target.address, cause);
    })
    .finally(() => timer.cancel());
  const value = parseJson(text);
  if (status === 200 || status === 201) {
    if (Check(call.answer, value)) return value;
    throw new AppError('message_invalid', `${target.address} answered something else; are both of the same version?`);
  }
  if (Check(ApiFailure, value)) throw new AppError(value.code, value.message, { detail: { status } });
  throw new AppError('message_invalid', `${target.address} answered with status ${status}`, { detail: { status } });
}

/** A failure to reach the coordinator, with the reason in words. */
export function unreachable(address: string, cause: unknown): AppError {
  if (cause instanceof Error && STRANGER_CODES.has(codeOf(cause))) {
    const words = `what listens at ${address} is not the coordinator of this fleet (${codeOf(cause)}). Is it the right address? If the coordinator was set up anew, give it back its folder authority/, or join anew`;
    return new AppError('coordinator_unreachable', words, { cause, detail: { reason: STRANGER } });
  }
  const reason = cause instanceof Error ? reasonOf(cause) : String(cause);
  return new AppError('coordinator_unreachable', `cannot reach the coordinator at ${address}: ${reason}`, { cause });
}

function reasonOf(error: Error): string {
  const code = codeOf(error);
  if (code === 'ECONNREFUSED') return 'nothing listens there (connection refused)';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the name is not known';
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return `its certificate does not count now (${code}); set the clocks of both hosts right`;
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') return `what listens there does not speak our TLS (${code})`;
  // With several addresses per name, node:net gathers the failures and leaves the message empty.
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return reasonOf(error.errors[0]);
  return error.message;
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

async function exchange(
  target: CoordinatorTarget,
  call: { readonly method: string; readonly path: string; readonly body?: object },
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string }> {
  const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body), 'utf8');
  const headers = {
    ...(target.userAgent === undefined ? {} : { 'user-agent': target.userAgent }),
    ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }),
  };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpsRequest({
      ...parseHostPort(target.address),
      method: call.method,
      path: call.path,
      agent: false, // one call, one connection: certificates change between calls
      ca: target.ca,
      ...(target.cert === undefined ? {} : { cert: target.cert }),
      ...(target.key === undefined ? {} : { key: target.key }),
      minVersion: 'TLSv1.3',
      checkServerIdentity: coordinatorOf(target.fleetId),
      headers,
      signal,
    });
    request.once('response', resolve);
    request.once('error', reject);
    request.end(body);
  });
  return { status: response.statusCode ?? 0, text: await readText(response, MAX_ANSWER_BYTES) };
}
