// Entity tags and preconditions (RFC 9110, section 13). The tag of a blob or manifest is its digest in double quotes.

import { AppError } from '../../shared/runtime/errors.ts';
import type { Precondition } from '../../shared/protocol/coordinator-methods.ts';

/** More entity tags than this in one precondition are refused. */
const MAX_ENTITY_TAGS = 16;

export function entityTag(digest: string): string {
  return `"${digest}"`;
}

/** Whether `If-None-Match` names this digest: `*`, a list, weak tags, and tags without quotes all count. */
export function matchesEntityTag(header: string | undefined, digest: string): boolean {
  if (header === undefined) return false;
  return entityTags(header).some((tag) => tag === '*' || tag === digest);
}

/** Whether a range request may go on: only if there is no `If-Range`, or it is this very tag in its strong form. */
export function allowsRange(ifRange: string | undefined, digest: string): boolean {
  return ifRange === undefined || ifRange.trim() === entityTag(digest);
}

/**
 * The conditions under which a tag may be moved; undefined when the request has none.
 * @throws {AppError} `message_invalid` when there are more than 16 in one header.
 */
export function parsePrecondition(headers: {
  readonly 'if-match'?: string | undefined;
  readonly 'if-none-match'?: string | undefined;
}): Precondition | undefined {
  const ifMatch = boundedTags(headers['if-match']);
  const ifNoneMatch = boundedTags(headers['if-none-match']);
  if (ifMatch === undefined && ifNoneMatch === undefined) return undefined;
  return { ...(ifMatch === undefined ? {} : { ifMatch }), ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }) };
}

function boundedTags(header: string | undefined): string[] | undefined {
  if (header === undefined) return undefined;
  const tags = entityTags(header);
  if (tags.length <= MAX_ENTITY_TAGS) return tags;
  throw new AppError('message_invalid', `a precondition may name at most ${MAX_ENTITY_TAGS} entity tags`);
}

/** Digests never hold a comma or a quote, so splitting is safe. */
function entityTags(header: string): string[] {
  return header
    .split(',')
    .map((tag) =>
      tag
        .trim()
        .replace(/^W\//, '')
        .replace(/^"(.*)"$/, '$1'),
    )
    .filter((tag) => tag !== '');
}
