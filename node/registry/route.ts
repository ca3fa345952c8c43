// What a route is: a path that was parsed, a request, and an answer as a value. Failures are thrown.

import type { ApiPath } from '../../shared/oci/api-path.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Answer } from './answer.ts';
import type { ApiRequest } from './api-request.ts';

export type PathOf<T extends ApiPath['type']> = Extract<ApiPath, { readonly type: T }>;
export type Route<T extends ApiPath['type']> = (path: PathOf<T>, request: ApiRequest) => Answer | Promise<Answer>;
/** The routes of one kind of path by method. HEAD stands beside GET, since it must never open a blob or start a download. */
export type Methods<T extends ApiPath['type']> = Readonly<Record<string, Route<T>>>;

/** @throws {AppError} `method_not_allowed` with what is allowed. */
export function chooseRoute<T extends ApiPath['type']>(methods: Methods<T>, method: string): Route<T> {
  const route = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (route !== undefined) return route;
  throw new AppError('method_not_allowed', 'this path does not have that method', {
    detail: { allow: Object.keys(methods).join(', ') },
  });
}

/** The answer to an operation that the operator switched off. */
export function switchedOff(what: string, allow: string): AppError {
  return new AppError('method_not_allowed', `deleting ${what} is switched off`, { detail: { allow } });
}
