// What a node without a session with the coordinator says of it: the coordinator is away, and comes back; or it refuses this node, and
// somebody has to do something.

import { STRANGER } from './coordinator-api.ts';
import { AppError, isAppError } from '../runtime/errors.ts';

/** @returns in words for people, what is wrong and what to do, when the coordinator refuses this node or is another's; undefined when it is merely away. */
export function refusalWords(failure: AppError | undefined): string | undefined {
  if (isAppError(failure, 'coordinator_unreachable') && failure.detail['reason'] === STRANGER) return failure.message;
  return isRefusal(failure) ? `the coordinator refuses this node: ${failure.message}` : undefined;
}

/** Whether this ends only when the host joins the fleet anew: it was removed, or never was of the fleet. */
export function isOutOfFleet(failure: AppError | undefined): boolean {
  return isAppError(failure, 'identity_refused');
}

/** What a call fails with that finds no session. Always `coordinator_unreachable`: what is here is served all the same. */
export function noSession(failure: AppError | undefined): AppError {
  const words = refusalWords(failure) ?? 'the coordinator is not reachable now';
  return new AppError('coordinator_unreachable', words, failure === undefined ? {} : { cause: failure });
}

/** A certificate that does not count now, another version, another fleet. */
function isRefusal(failure: AppError | undefined): failure is AppError {
  return isAppError(failure, 'identity_refused', 'credentials_required', 'protocol_mismatch');
}
