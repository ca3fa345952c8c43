// Deleting what a user asked for: a tag, or a manifest with every tag that points to it (M-50 to M-56).

import type { Params } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { RecordChanges, RegistryChange } from '../changes/registry-change.ts';
import { dropManifest } from '../collection/drop-manifest.ts';
import type { ReviewTimes } from '../collection/review-times.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';

/**
 * By tag the manifest and its other tags remain. Entries of a deleted index and referrers of a deleted subject remain (M-55).
 * @throws {AppError} `repository_unknown`, `manifest_unknown`
 */
export function deleteManifest(
  deps: {
    readonly clock: Clock;
    readonly database: FleetDatabase;
    readonly times: ReviewTimes;
    readonly record: RecordChanges;
  },
  { repository, reference }: Params<'manifest.delete'>,
): void {
  const { database, clock, times } = deps;
  database.change('delete_manifest', () => {
    const repositoryId = database.repositories.find(repository);
    if (repositoryId === undefined) {
      throw new AppError('repository_unknown', 'no such repository', { detail: { repository } });
    }
    const atMs = clock.wallMs();
    const gone: RegistryChange[] = [];
    const tagGone = (tag: string): RegistryChange => ({ action: 'delete', kind: 'tag', repository, tag });
    let isRemoved: boolean;
    if ('tag' in reference) {
      isRemoved = database.tags.remove(repositoryId, reference.tag, atMs);
      gone.push(tagGone(reference.tag));
    } else {
      gone.push({ action: 'delete', kind: 'manifest', repository, digest: reference.digest });
      for (const tag of database.tags.tagsOf(repositoryId, reference.digest)) {
        database.tags.remove(repositoryId, tag, atMs);
        gone.push(tagGone(tag));
      }
      isRemoved = dropManifest(database, {
        repositoryId,
        digest: reference.digest,
        reviewDueMs: atMs + times.deleteDelayMs,
      });
    }
    if (!isRemoved) {
      throw new AppError('manifest_unknown', 'no such manifest or tag', { detail: { repository, ...reference } });
    }
    deps.record(gone);
  });
}
