// Manifests of a repository whose `subject` is a given digest (F-1 to F-10).

import type { Params, ReferrerDescriptor, Result } from '../../shared/protocol/coordinator-methods.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import type { Referrer } from '../database/manifest-table.ts';

/** What one descriptor takes beside its annotations: digest of 135 characters, two media types, keys and quotes. */
const ENVELOPE_BYTES = 600;
/** Largest page whatever is asked, so that it fits a session message; the rest comes with the next page. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

/** Never an error for what is not there (F-1). At least one descriptor per page, so that paging comes to an end. */
export function listReferrers(
  deps: { readonly database: FleetDatabase },
  params: Params<'referrers.list'>,
): Result<'referrers.list'> {
  const { database } = deps;
  const { repository, subject, last = '', limit } = params;
  const maxBytes = Math.min(params.maxBytes, MAX_PAGE_BYTES);
  const artifactTypes = new Set(params.artifactTypes);
  return database.read('list', () => {
    const descriptors: ReferrerDescriptor[] = [];
    const repositoryId = database.repositories.find(repository);
    if (repositoryId === undefined || limit === 0) return { descriptors: [], hasMore: false };
    let pageBytes = 0;
    for (const referrer of database.manifests.referrers(repositoryId, subject, last)) {
      if (artifactTypes.size > 0 && !artifactTypes.has(referrer.artifactType ?? '')) continue;
      pageBytes += ENVELOPE_BYTES + Buffer.byteLength(referrer.annotations ?? '');
      const isFull = descriptors.length >= limit || (descriptors.length > 0 && pageBytes > maxBytes);
      if (isFull) return { descriptors, hasMore: true };
      descriptors.push(toDescriptor(referrer));
    }
    return { descriptors, hasMore: false };
  });
}

function toDescriptor(referrer: Referrer): ReferrerDescriptor {
  const { mediaType, digest, sizeBytes, artifactType, annotations } = referrer;
  return {
    mediaType,
    digest,
    sizeBytes,
    ...(artifactType === null ? {} : { artifactType }),
    ...(annotations === null ? {} : { annotations: parseAnnotations(annotations) }),
  };
}

/** Written by `ManifestTable.put` from a checked record. */
function parseAnnotations(text: string): Record<string, string> {
  return JSON.parse(text) as Record<string, string>;
}
