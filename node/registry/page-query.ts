// Paging of tags, catalog and referrers: `n` and `last` in the request, `Link` in the answer.

import { AppError } from '../../shared/runtime/errors.ts';
import type { Query } from './query.ts';

/** Longest `last` that is passed on. Everything that can be listed is shorter, so cutting it keeps its place in the order. */
const MAX_LAST_CHARS = 512;

/** Digits of a refused `n` that are said again. */
const MAX_NUMBER_CHARS = 20;

/** What becomes of an `n` that is too large: it gets the most that is given at once, or 400 as the reference registry gives it. */
export type LargerPage = 'cut' | 'refuse';

export interface Page {
  readonly limit: number;
  readonly last?: string;
}

/**
 * Reads `n` and `last`.
 * @param options.defaultLimit without `n`. @param options.maxLimit what becomes of a larger `n` is `larger`.
 * @throws {AppError} `message_invalid` when `n` is not a non-negative integer, `page_too_large`.
 */
export function parsePage(
  query: Query,
  options: { readonly defaultLimit: number; readonly maxLimit: number; readonly larger: LargerPage },
): Page {
  const n = query.first('n');
  const last = query.first('last')?.slice(0, MAX_LAST_CHARS);
  if (n !== undefined && !/^\d+$/.test(n)) throw new AppError('message_invalid', 'n is not a non-negative integer');
  const { defaultLimit, maxLimit, larger } = options;
  if (n !== undefined && Number(n) > maxLimit && larger === 'refuse') {
    const words = `n is above ${maxLimit}, the most that is given at once; ask for fewer, and go on with the Link of the answer`;
    throw new AppError('page_too_large', words, { detail: { n: n.slice(0, MAX_NUMBER_CHARS) } });
  }
  const limit = n === undefined ? defaultLimit : Math.min(Number(n), maxLimit);
  return last === undefined || last === '' ? { limit } : { limit, last };
}

/** The `Link` header to the next page, path-absolute. Values are encoded so that none holds `;`, `,` or `>`. */
export function nextLink(path: string, parameters: readonly (readonly [string, string])[]): string[] {
  const query = parameters.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  return ['Link', `<${path}?${query}>; rel="next"`];
}
