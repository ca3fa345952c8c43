// The catalog of a registry that is a cache: copies of the default upstream's repositories are listed by the names that clients use
// for them, `library/nginx` and not `docker.io/library/nginx`, in their place among the others.

import type { Manifests } from '../content/content.ts';

type List = (page: {
  readonly last?: string | undefined;
  readonly limit: number;
}) => ReturnType<Manifests['repositories']>;
type Page = Parameters<List>[0];
type Listed = Awaited<ReturnType<List>>;

/** Comes after all that a name may hold. */
const END_OF_NAMES = '~';

/** A page of all names in byte order, each once. @param upstream whose copies lose the first part of their names. */
export async function mergedCatalog(list: List, upstream: string, page: Page): Promise<Listed> {
  if (page.limit === 0) return list(page);
  const prefix = `${upstream}/`;
  const [own, copies] = await Promise.all([listOwn(list, prefix, page), listCopies(list, prefix, page)]);
  const names = [...new Set([...own.repositories, ...copies.repositories])].toSorted(compare);
  const shown = names.slice(0, page.limit);
  return { repositories: shown, hasMore: names.length > shown.length || own.hasMore || copies.hasMore };
}

/** Those outside the part of the list that copies take up. */
async function listOwn(list: List, prefix: string, page: Page): Promise<Listed> {
  const first = await list(page);
  const before = first.repositories.filter((name) => !name.startsWith(prefix));
  if (before.length === first.repositories.length || !first.hasMore) return { ...first, repositories: before };
  // Copies are next to each other: what follows them fills the page.
  const last = first.repositories.at(-1) ?? '';
  const after = last.startsWith(prefix) ? `${prefix}${END_OF_NAMES}` : last;
  const rest = await list({ last: after, limit: page.limit });
  return { repositories: [...before, ...rest.repositories], hasMore: rest.hasMore };
}

async function listCopies(list: List, prefix: string, page: Page): Promise<Listed> {
  const { repositories, hasMore } = await list({ last: `${prefix}${page.last ?? ''}`, limit: page.limit });
  const copies = repositories.filter((name) => name.startsWith(prefix));
  const names = copies.map((name) => name.slice(prefix.length));
  return { repositories: names, hasMore: hasMore && copies.length === repositories.length };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
