// Which blobs a repository holds: stat, add after an upload, mount from another repository, delete.

import type { Digest } from '../../shared/oci/digest.ts';
import { mayBeTableOf } from '../../shared/pieces/implied-table.ts';
import { isSameTable, parsePieceTable, type PieceTable } from '../../shared/pieces/piece-table.ts';
import type { Params } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { RecordChanges } from '../changes/registry-change.ts';
import type { ReviewTimes } from '../collection/review-times.ts';
import type { BlobRow } from '../database/blob-table.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import type { Directory } from '../directory/directory.ts';

/** Holders named when nodes differ about a table: one of them, or the one that came now, is to be looked at. */
const MAX_NAMED_HOLDERS = 20;
/** What a blob is given as: nobody knows its type but the manifests that name it. */
const BLOB_TYPE = 'application/octet-stream';

interface Deps {
  readonly database: FleetDatabase;
}

interface ReviewDeps extends Deps {
  readonly clock: Clock;
  readonly times: ReviewTimes;
}

interface LookDeps extends ReviewDeps {
  readonly directory: Pick<Directory, 'isHeld'>;
}

/**
 * The size of a blob in bytes, when the repository holds it. One whose last copy is gone, as when an origin lost its disk,
 * counts as not there: a client that is told otherwise never pushes the bytes again. Holders out of reach do count.
 */
export function statBlob(deps: LookDeps, { repository, digest }: Params<'blob.stat'>): number | undefined {
  const { database, directory } = deps;
  return database.read('resolve', () => {
    const repositoryId = database.repositories.find(repository);
    if (repositoryId === undefined || !directory.isHeld(digest)) return undefined;
    const blob = database.repositoryBlobs.find(repositoryId, digest);
    if (blob === undefined) return undefined;
    if (database.blobReviews.isWaiting(repositoryId, blob.blobId)) touch(deps, repositoryId, blob.blobId);
    return blob.sizeBytes;
  });
}

/** Whoever asks may be about to name it, without sending it again. Written once in half the time that it is good for. */
function touch({ database, clock, times }: ReviewDeps, repositoryId: number, blobId: number): void {
  const nowMs = clock.wallMs();
  const unlessDueMs = nowMs + times.pushGraceMs / 2;
  database.blobReviews.touched(repositoryId, blobId, { dueMs: nowMs + times.pushGraceMs, unlessDueMs });
}

interface RecordDeps {
  readonly record: RecordChanges;
}

interface AddDeps extends ReviewDeps, RecordDeps {
  readonly directory: Pick<Directory, 'holders'>;
  readonly log: Logger;
}

/**
 * Records a blob that a node adopted: its table, that node's copy, and that the repository holds it.
 * @throws {AppError} `message_invalid` for a table that cannot be right, or differs from one that holders vouch for who
 * count for more; `identity_refused` for a node that is not of the roster.
 */
export function addBlob(
  deps: AddDeps,
  adopter: { readonly nodeId: string; readonly isOrigin: boolean },
  params: Params<'blob.add'>,
): void {
  const { database } = deps;
  const { nodeId } = adopter;
  const { repository, digest } = params;
  const table = parsePieceTable(params.table);
  if (!mayBeTableOf(digest, table)) {
    throw new AppError('message_invalid', 'the piece table is not that of this digest', { detail: { digest } });
  }
  database.change('add_blob', () => {
    const node = database.nodes.find(nodeId);
    if (node === undefined || node.removedMs !== null) {
      throw new AppError('identity_refused', 'this node is not of the fleet', { detail: { node: nodeId } });
    }
    const blobId = ensureBlob(deps, adopter, { digest, table });
    database.removals.revive(blobId);
    database.removals.remove(node.node, blobId);
    database.copies.add(node.node, blobId);
    hold(deps, database.repositories.ensure(repository), { blobId, digest });
    const { sizeBytes } = table;
    deps.record([{ action: 'push', kind: 'blob', repository, digest, mediaType: BLOB_TYPE, sizeBytes }]);
  });
}

/** Makes a blob of another repository present in this one. @returns false when it is not there, or no copy of it is left. */
export function mountBlob(deps: LookDeps & RecordDeps, { repository, digest, from }: Params<'blob.mount'>): boolean {
  const { database, directory } = deps;
  if (!directory.isHeld(digest)) return false;
  return database.change('mount_blob', () => {
    const blob = from === undefined ? findAnywhere(database, digest) : findIn(database, from, digest);
    if (blob === undefined) return false;
    const { blobId, sizeBytes } = blob;
    hold(deps, database.repositories.ensure(repository), { blobId, digest });
    const change = { action: 'mount', kind: 'blob', repository, digest, mediaType: BLOB_TYPE, sizeBytes } as const;
    deps.record([from === undefined ? change : { ...change, fromRepository: from }]);
    return true;
  });
}

/** The repository holds the blob, and looks at it again when no manifest has named it in time. */
function hold(
  { database, clock, times }: ReviewDeps,
  repositoryId: number,
  { blobId, digest }: { readonly blobId: number; readonly digest: Digest },
): void {
  database.repositoryBlobs.add(repositoryId, blobId);
  if (database.blobReviews.isNamed(repositoryId, digest)) return;
  database.blobReviews.pushed(repositoryId, blobId, clock.wallMs() + times.pushGraceMs);
}

/** Takes a blob out of a repository; others keep it, and so do manifests that name it (B-33, B-34). @throws {AppError} `blob_unknown` */
export function removeBlob(deps: ReviewDeps & RecordDeps, { repository, digest }: Params<'blob.remove'>): void {
  const { database, clock } = deps;
  database.change('remove_blob', () => {
    const repositoryId = database.repositories.find(repository);
    const blob = repositoryId === undefined ? undefined : database.repositoryBlobs.find(repositoryId, digest);
    if (repositoryId === undefined || blob === undefined) {
      throw new AppError('blob_unknown', 'this repository does not hold the blob', { detail: { repository, digest } });
    }
    database.repositoryBlobs.remove(repositoryId, blob.blobId);
    database.removals.begin(blob.blobId, clock.wallMs());
    deps.record([{ action: 'delete', kind: 'blob', repository, digest }]);
  });
}

/**
 * The piece table follows from the bytes, so of two nodes that differ one is wrong, and which one cannot be seen here. A
 * table stands while an origin other than the adopter holds the blob: what it got by that table it has checked whole.
 * Otherwise an origin's word goes before that of other nodes, and theirs before that of one that comes later. So a node
 * that is first with a wrong table for a digest that it does not have keeps nobody from pushing through an origin.
 */
function ensureBlob(
  { database, directory, log }: AddDeps,
  adopter: { readonly nodeId: string; readonly isOrigin: boolean },
  { digest, table }: { readonly digest: Digest; readonly table: PieceTable },
): number {
  const known = database.blobs.find(digest);
  if (known === undefined) return database.blobs.insert(digest, table);
  const knownTable = database.blobs.table(digest);
  if (knownTable !== undefined && isSameTable(knownTable, table)) return known.blobId;
  const others = directory.holders(digest).filter(({ nodeId }) => nodeId !== adopter.nodeId);
  const isOverruled = others.some((holder) => holder.isOrigin || !adopter.isOrigin);
  const holders = others.map(({ nodeId }) => nodeId).slice(0, MAX_NAMED_HOLDERS);
  if (others.length > 0)
    log.warn({ digest, node: adopter.nodeId, holders, isOverruled }, 'nodes differ about a piece table: one is wrong');
  if (isOverruled) {
    throw new AppError('message_invalid', 'the piece table differs from the one that other holders gave', {
      detail: { digest, holders },
    });
  }
  database.blobs.replaceTable(digest, table);
  return known.blobId;
}

function findIn(database: FleetDatabase, repository: string, digest: Digest): BlobRow | undefined {
  const repositoryId = database.repositories.find(repository);
  return repositoryId === undefined ? undefined : database.repositoryBlobs.find(repositoryId, digest);
}

function findAnywhere(database: FleetDatabase, digest: Digest): BlobRow | undefined {
  const blob = database.blobs.find(digest);
  return blob !== undefined && database.repositoryBlobs.isAnywhere(blob.blobId) ? blob : undefined;
}
