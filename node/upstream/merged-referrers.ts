// Referrers of one manifest in two repositories as one list: what was pushed here under a bare name, and what its upstream has. Pure.

import type { ReferrerPage } from '../content/content.ts';

/** A page of both, in order of digest, each once. It ends where the shorter of two pages with more to come does. */
export function mergedReferrers(own: ReferrerPage, theirs: ReferrerPage, limit: number): ReferrerPage {
  const ends = [own, theirs].flatMap(({ hasMore, descriptors }) => (hasMore ? [descriptors.at(-1)?.digest ?? ''] : []));
  const isReached = (digest: string): boolean => ends.every((end) => digest <= end);
  const byDigest = new Map(
    [...theirs.descriptors, ...own.descriptors].map((descriptor) => [descriptor.digest, descriptor]),
  );
  const all = [...byDigest.values()].toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
  const reached = all.filter(({ digest }) => isReached(digest));
  const { hasSubject, checkedAgeMs, warning } = theirs;
  return {
    descriptors: reached.slice(0, limit),
    hasMore: own.hasMore || theirs.hasMore || reached.length > limit,
    hasSubject: own.hasSubject || hasSubject,
    checkedAgeMs,
    warning,
  };
}
