// A manifest leaves its repository, on a user's request or because nothing leads to it.

import type { Digest } from '../../shared/oci/digest.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';

/** Its tags must be gone already. Its blobs are looked at when it is time. Part of the caller's transaction. @returns whether it was there. */
export function dropManifest(
  database: FleetDatabase,
  manifest: { readonly repositoryId: number; readonly digest: Digest; readonly reviewDueMs: number },
): boolean {
  const { repositoryId, digest, reviewDueMs } = manifest;
  database.blobReviews.unlinked(repositoryId, digest, reviewDueMs);
  return database.manifests.remove(repositoryId, digest);
}
