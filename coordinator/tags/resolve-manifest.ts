// What a tag or digest of a repository stands for.

import type { Params, Result } from '../../shared/protocol/coordinator-methods.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';

/** Always the state of this moment. The blobs are those that the manifest names and this repository holds (B-1). */
export function resolveManifest(
  deps: { readonly database: FleetDatabase },
  { repository, reference }: Params<'manifest.resolve'>,
): Result<'manifest.resolve'> {
  const { database } = deps;
  return database.read('resolve', () => {
    const repositoryId = database.repositories.find(repository);
    if (repositoryId === undefined) return { found: false, reason: 'repository_unknown' };
    const manifest =
      'tag' in reference
        ? database.manifests.byTag(repositoryId, reference.tag)
        : database.manifests.byDigest(repositoryId, reference.digest);
    if (manifest === undefined) return { found: false, reason: 'manifest_unknown' };
    const { digest, mediaType, bytes } = manifest;
    return { found: true, digest, mediaType, bytes, blobs: database.repositoryBlobs.ofManifest(repositoryId, digest) };
  });
}
