// RFC 9110 preconditions of a manifest PUT by tag, judged against what the tag points to now (E-5).

import type { Digest } from '../../shared/oci/digest.ts';
import type { Precondition } from '../../shared/protocol/coordinator-methods.ts';

/**
 * True when the tag may be moved.
 * @param current what the tag points to; undefined when there is no such tag.
 */
export function preconditionHolds(precondition: Precondition, current: Digest | undefined): boolean {
  const { ifMatch, ifNoneMatch } = precondition;
  if (ifMatch !== undefined && !matches(ifMatch, current)) return false;
  return ifNoneMatch === undefined || !matches(ifNoneMatch, current);
}

/** `*` stands for any manifest; nothing matches a tag that is not there. */
function matches(digests: readonly string[], current: Digest | undefined): boolean {
  return current !== undefined && (digests.includes('*') || digests.includes(current));
}
