// Accepting a manifest: checked, its content present, its blobs on enough hosts, and only then stored together with its
// tags and its place among the referrers, in one flushed transaction (M-10 to M-43, E-5).

import { algorithmOf, digestOf, isDigest, type Digest } from '../../shared/oci/digest.ts';
import { parseManifest, type Descriptor, type ParsedManifest } from '../../shared/oci/manifest.ts';
import type { Params, Result } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { RecordChanges } from '../changes/registry-change.ts';
import type { ReviewTimes } from '../collection/review-times.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import { preconditionHolds } from './tag-precondition.ts';

/** What a commit needs of replication. */
export interface Durability {
  /** The blobs that are on too few hosts at this moment. */
  lacking(digests: readonly Digest[]): Digest[];
  /** @throws {AppError} `not_enough_copies` when they are not there in time. */
  waitForCopies(digests: readonly Digest[], signal: AbortSignal): Promise<void>;
}

export interface CommitDeps {
  readonly clock: Clock;
  readonly database: FleetDatabase;
  readonly durability: Durability;
  readonly log: Logger;
  readonly record: RecordChanges;
  readonly times: ReviewTimes;
}

/** Digests named in one refusal, the rest is left out; each becomes an entry of the client's answer. */
const MAX_NAMED_DIGESTS = 100;

/**
 * Stores a manifest and moves its tags. What was pushed before stays where it is whatever happens here, so that a
 * second push completes a first one.
 * @throws {AppError} `digest_mismatch`, `manifest_invalid`, `manifest_too_large`, `manifest_content_missing`
 * (detail.digests), `precondition_failed`, `not_enough_copies` (detail.digests, detail.retryAfterSeconds)
 */
export async function commitManifest(
  deps: CommitDeps,
  put: Params<'manifest.put'>,
  signal: AbortSignal,
): Promise<Result<'manifest.put'>> {
  if (digestOf(put.bytes, algorithmOf(put.digest)) !== put.digest) {
    throw new AppError('digest_mismatch', 'the manifest does not hash to its digest', {
      detail: { digest: put.digest },
    });
  }
  const manifest = parseManifest(put.bytes, put.mediaType);
  const { durability } = deps;
  for (;;) {
    const blobs = presentBlobs(deps, put, manifest);
    if (durability.lacking(blobs).length === 0) break;
    await durability.waitForCopies(blobs, signal);
    signal.throwIfAborted();
  }
  // No wait between the last look above and the transaction: what was confirmed is what is committed.
  deps.database.change('commit_manifest', () => store(deps, put, manifest));
  for (const tag of put.tags) {
    deps.log.info({ repository: put.repository, tag, digest: put.digest }, 'tag moved');
  }
  return manifest.subject === undefined ? {} : { subject: manifest.subject };
}

/**
 * The blobs that must be durable before this manifest is.
 * @throws {AppError} `manifest_content_missing`, `precondition_failed`
 */
function presentBlobs(deps: CommitDeps, put: Params<'manifest.put'>, manifest: ParsedManifest): Digest[] {
  const { database } = deps;
  return database.read('resolve', () => {
    const repositoryId = database.repositories.find(put.repository);
    checkPrecondition(database, repositoryId, put);
    const blobs: Digest[] = [];
    const missing: string[] = [];
    for (const { digest } of manifest.blobs) {
      const blob = repositoryId === undefined ? undefined : database.repositoryBlobs.find(repositoryId, digest);
      if (blob === undefined) missing.push(digest);
      else blobs.push(blob.digest);
    }
    for (const { digest } of manifest.children) {
      // An entry of an index may be a manifest or a blob (M-22); a manifest was committed, so it is durable already.
      if (repositoryId !== undefined && database.manifests.isPresent(repositoryId, digest)) continue;
      const blob = repositoryId === undefined ? undefined : database.repositoryBlobs.find(repositoryId, digest);
      if (blob === undefined) missing.push(digest);
      else blobs.push(blob.digest);
    }
    if (missing.length > 0) throw contentMissing(put.repository, missing);
    return blobs;
  });
}

/** The transaction. Presence and precondition are judged again, now under the write lock. */
function store(deps: CommitDeps, put: Params<'manifest.put'>, manifest: ParsedManifest): void {
  const { database, clock } = deps;
  presentBlobs(deps, put, manifest);
  const repositoryId = database.repositories.ensure(put.repository);
  database.manifests.put(repositoryId, {
    digest: put.digest,
    mediaType: manifest.mediaType,
    bytes: put.bytes,
    targets: [...targetsOf(manifest.blobs), ...targetsOf(manifest.external), ...targetsOf(manifest.children)],
    subject: manifest.subject,
    artifactType: manifest.artifactType,
    annotations: manifest.annotations,
  });
  for (const tag of put.tags) {
    database.tags.move({ repositoryId, tag, digest: put.digest, atMs: clock.wallMs() });
  }
  database.blobReviews.settle(repositoryId, put.digest);
  database.untagged.settleChildren(repositoryId, put.digest);
  database.untagged.spare(repositoryId, put.digest, spareUntilMs(deps, repositoryId, put));
  record(deps, put, manifest);
}

/** One change for each tag, as if each had been pushed by itself. */
function record(deps: CommitDeps, put: Params<'manifest.put'>, manifest: ParsedManifest): void {
  const { repository, digest, tags } = put;
  const { mediaType, blobs, external, children } = manifest;
  const change = {
    action: put.isImported === true ? 'import' : 'push',
    kind: 'manifest',
    repository,
    digest,
    mediaType,
    sizeBytes: put.bytes.byteLength,
    references: [...blobs, ...external, ...children],
  } as const;
  deps.record(tags.length === 0 ? [change] : tags.map((tag) => ({ ...change, tag })));
}

/** A manifest that comes without a tag is spared for a while: the index that names it, or its tag, may follow. */
function spareUntilMs(
  { database, clock, times }: CommitDeps,
  repositoryId: number,
  put: Params<'manifest.put'>,
): number {
  const isLedTo =
    database.tags.tagsOf(repositoryId, put.digest).length > 0 || database.blobReviews.isNamed(repositoryId, put.digest);
  return isLedTo ? 0 : clock.wallMs() + times.pushGraceMs;
}

function checkPrecondition(
  database: FleetDatabase,
  repositoryId: number | undefined,
  put: Params<'manifest.put'>,
): void {
  const { precondition, tags, repository } = put;
  if (precondition === undefined) return;
  for (const tag of tags) {
    const current = repositoryId === undefined ? undefined : database.tags.find(repositoryId, tag);
    if (preconditionHolds(precondition, current)) continue;
    throw new AppError('precondition_failed', 'the tag points to something else', {
      detail: { repository, tag, current: current ?? 'none' },
    });
  }
}

/** Digests of algorithms that we do not serve are never here, so nothing need be kept for their sake. */
function targetsOf(descriptors: readonly Descriptor[]): Digest[] {
  return descriptors.map(({ digest }) => digest).filter(isDigest);
}

function contentMissing(repository: string, digests: readonly string[]): AppError {
  return new AppError('manifest_content_missing', 'the manifest names content that this repository does not hold', {
    detail: { repository, digests: digests.slice(0, MAX_NAMED_DIGESTS) },
  });
}
