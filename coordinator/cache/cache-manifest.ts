// Keeping a manifest that a node fetched from an upstream. Unlike a push it waits for nothing: its blobs come when somebody asks.

import { algorithmOf, digestOf, isDigest } from '../../shared/oci/digest.ts';
import { parseManifest } from '../../shared/oci/manifest.ts';
import type { Params } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';

interface CacheDeps {
  readonly clock: Clock;
  readonly database: FleetDatabase;
}

/** @returns what it refers to. @throws {AppError} `digest_mismatch`, `manifest_invalid`, `manifest_too_large` */
export function cacheManifest(deps: CacheDeps, params: Params<'cache.manifest'>): string | undefined {
  const { clock, database } = deps;
  const { repository, digest, bytes, tag } = params;
  if (digestOf(bytes, algorithmOf(digest)) !== digest)
    throw new AppError('digest_mismatch', 'the manifest does not hash to its digest', { detail: { digest } });
  const manifest = parseManifest(bytes, params.mediaType);
  const { mediaType, subject, artifactType, annotations } = manifest;
  const named = [...manifest.blobs, ...manifest.external, ...manifest.children];
  const targets = named.map((descriptor) => descriptor.digest).filter(isDigest);
  database.change('cache', () => {
    const repositoryId = database.repositories.ensure(repository);
    database.manifests.put(repositoryId, { digest, mediaType, bytes, targets, subject, artifactType, annotations });
    const atMs = clock.wallMs();
    if (tag !== undefined) database.tags.move({ repositoryId, tag, digest, atMs });
    database.blobReviews.settle(repositoryId, digest);
    database.cachedManifests.used(repositoryId, digest, atMs);
  });
  return subject;
}
