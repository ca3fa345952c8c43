// Paging of tags, catalog and referrers: `n` and `last` in the request, `Link` in the answer.

import { AppError } from '../../shared/runtime/errors.ts';
import type { Query } from './query.ts';

/** Longest `last` that is passed on. Everything that can be listed is shorter, so cutting it keeps its place in the order. */
const MAX_LAST_CHARS = 512;

export interface Page {
  readonly limit: number;
  readonly last?: string;
}

/**
 * Reads `n` and `last`.
 * @param options.defaultLimit without `n`. @param options.maxLimit a larger `n` is cut, not refused.
 * @throws {AppError} `message_invalid` when `n` is not a non-negative integer.
 */
export function parsePage(query: Query, options: { readonly defaultLimit: number; readonly maxLimit: number }): Page {
  const n = query.first('n');
  const last = query.first('last')?.slice(0, MAX_LAST_CHARS);
  if (n !== undefined && !/^\d+$/.test(n)) throw new AppError('message_invalid', 'n is not a non-negative integer');
  const limit = n === undefined ? options.defaultLimit : Math.min(Number(n), options.maxLimit);
  return last === undefined || last === '' ? { limit } : { limit, last };
}

/** The `Link` header to the next page, path-absolute. Values are encoded so that none holds `;`, `,` or `>`. */
export function nextLink(path: string, parameters: readonly (readonly [string, string])[]): string[] {
  const query = parameters.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  return ['Link', `<${path}?${query}>; rel="next"`];
}
