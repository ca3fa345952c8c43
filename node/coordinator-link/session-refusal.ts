// What a coordinator says that does not take a node in, before there is a session.

import type { IncomingMessage } from 'node:http';
import { Check } from 'typebox/value';
import { ApiFailure } from '../../shared/protocol/admin-api.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { parseJson, readText } from '../../shared/runtime/json-answer.ts';

/** Largest text of a refusal, a longer one is not read; they are sentences. */
const MAX_REFUSAL_BYTES = 8 * 1024;

/**
 * The failure that a refused upgrade means. Reads the body; whoever destroys the request ends that.
 * @returns with the coordinator's own code and words where it gives them, which older ones do not.
 */
export async function refusedUpgrade(address: string, response: IncomingMessage): Promise<AppError> {
  const status = response.statusCode ?? 0;
  const detail = { status };
  const text = await readText(response, MAX_REFUSAL_BYTES).catch(() => ''); // the status says enough
  const failure = parseJson(text);
  if (Check(ApiFailure, failure)) return new AppError(failure.code, failure.message, { detail });
  const why = `the coordinator at ${address} does not take this node in (status ${status})`;
  if (status !== 401 && status !== 403) return new AppError('coordinator_unreachable', why, { detail });
  const advice = 'was it removed from the fleet? Then delete its node.json and join anew';
  return new AppError('identity_refused', `${why}; ${advice}`, { detail });
}
