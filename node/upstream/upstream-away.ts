// Whether an upstream could not say what it was asked for, so that what is here stands in for it.

import { isAppError, type AppError } from '../../shared/runtime/errors.ts';

/** True when it is not within reach, answers nonsense, refuses, or wants to be left alone for a while; false for any failure of ours. */
export function isAway(error: unknown): error is AppError {
  return isAppError(error, 'upstream_unavailable', 'upstream_refused', 'too_many_requests');
}
