// What collection keeps, page by page: every manifest of every repository with the blobs of its that the repository holds.

import { MAX_KEPT_DIGESTS, type KeptPage, type KeptQuery } from '../../shared/protocol/collection-api.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';

/** Manifests looked at for one page. */
const MAX_MANIFESTS = 500;

/** In order of repositories and digests. @param after the last of the page before; absent for the first page. */
export function readKept(deps: { readonly database: FleetDatabase }, after: KeptQuery): KeptPage {
  const { database } = deps;
  return database.read('list', () => {
    const found = database.manifests.after(
      { repository: after.repository ?? '', digest: after.digest ?? '' },
      MAX_MANIFESTS,
    );
    const manifests: KeptPage['manifests'] = [];
    let digests = 0;
    for (const { repositoryId, repository, digest } of found) {
      const blobs = database.repositoryBlobs.ofManifest(repositoryId, digest).map((blob) => blob.digest);
      manifests.push({ repository, digest, blobs });
      digests += blobs.length + 1;
      if (digests > MAX_KEPT_DIGESTS) break;
    }
    const last = manifests.at(-1);
    const hasMore = last !== undefined && (found.length === MAX_MANIFESTS || manifests.length < found.length);
    return { manifests, ...(hasMore ? { next: { repository: last.repository, digest: last.digest } } : {}) };
  });
}
