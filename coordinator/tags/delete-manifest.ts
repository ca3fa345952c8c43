// Deleting what a user asked for: a tag, or a manifest with every tag that points to it (M-50 to M-56).

import type { Params } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { dropManifest } from '../collection/drop-manifest.ts';
import type { ReviewTimes } from '../collection/review-times.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';

/**
 * By tag the manifest and its other tags remain. Entries of a deleted index and referrers of a deleted subject remain (M-55).
 * @throws {AppError} `repository_unknown`, `manifest_unknown`
 */
export function deleteManifest(
  deps: { readonly clock: Clock; readonly database: FleetDatabase; readonly times: ReviewTimes },
  { repository, reference }: Params<'manifest.delete'>,
): void {
  const { database, clock, times } = deps;
  database.change('delete_manifest', () => {
    const repositoryId = database.repositories.find(repository);
    if (repositoryId === undefined) {
      throw new AppError('repository_unknown', 'no such repository', { detail: { repository } });
    }
    const atMs = clock.wallMs();
    let isRemoved: boolean;
    if ('tag' in reference) {
      isRemoved = database.tags.remove(repositoryId, reference.tag, atMs);
    } else {
      for (const tag of database.tags.tagsOf(repositoryId, reference.digest))
        database.tags.remove(repositoryId, tag, atMs);
      isRemoved = dropManifest(database, {
        repositoryId,
        digest: reference.digest,
        reviewDueMs: atMs + times.deleteDelayMs,
      });
    }
    if (!isRemoved) {
      throw new AppError('manifest_unknown', 'no such manifest or tag', { detail: { repository, ...reference } });
    }
  });
}
