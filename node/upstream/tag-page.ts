// A page of an upstream's tags, whether it gives pages or always everything.

import Type from 'typebox';
import { Check } from 'typebox/value';
import { parseBoundedJson } from '../../shared/oci/bounded-json.ts';
import { isTag } from '../../shared/oci/reference.ts';
import { nextPageAfter } from './next-page.ts';

export interface TagPage {
  readonly tags: readonly string[];
  readonly hasMore: boolean;
}

const TagList = Type.Object({ tags: Type.Union([Type.Null(), Type.Array(Type.String())]) });

/** @returns undefined when the body is no list of tags. Never throws. */
export function parseTagPage(
  body: Uint8Array,
  page: { readonly last?: string | undefined; readonly limit: number; readonly link: string | undefined },
): TagPage | undefined {
  const outcome = parseBoundedJson(body);
  if (outcome.type === 'refused' || !Check(TagList, outcome.value)) return undefined;
  const { last, limit, link } = page;
  // Old registries ignore `n` and `last`. In byte order, so that the next page begins where this one ends.
  const all = (outcome.value.tags ?? []).filter((tag) => isTag(tag) && (last === undefined || compare(tag, last) > 0));
  const tags = [...new Set(all)].toSorted(compare);
  const shown = tags.slice(0, limit);
  return { tags: shown, hasMore: shown.length > 0 && (tags.length > limit || nextPageAfter(link) !== undefined) };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
