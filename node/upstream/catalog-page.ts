// A page of an upstream's repositories.

import Type from 'typebox';
import { Check } from 'typebox/value';
import { parseBoundedJson } from '../../shared/oci/bounded-json.ts';
import { isRepositoryName } from '../../shared/oci/reference.ts';
import { nextPageAfter } from './next-page.ts';

/** Where the list is, in the place of a repository: none has a name that begins so. */
export const CATALOG = '_catalog';

export interface CatalogPage {
  /** Those that are legal names. */
  readonly names: readonly string[];
  readonly illegalCount: number;
  /** After which name the next page begins; undefined at the end. */
  readonly next: string | undefined;
}

const Catalog = Type.Object({ repositories: Type.Union([Type.Null(), Type.Array(Type.String())]) });

/** @returns undefined when the body is no such list. Never throws. */
export function parseCatalogPage(body: Uint8Array, link: string | string[] | undefined): CatalogPage | undefined {
  const outcome = parseBoundedJson(body);
  if (outcome.type === 'refused' || !Check(Catalog, outcome.value)) return undefined;
  const all = outcome.value.repositories ?? [];
  const names = all.filter(isRepositoryName);
  const next = typeof link === 'string' ? nextPageAfter(link) : undefined;
  return { names, illegalCount: all.length - names.length, next };
}
