// Which blobs a repository holds: stat, add after an upload, mount from another repository, delete.

import type { Digest } from '../../shared/oci/digest.ts';
import { parsePieceTable, type PieceTable } from '../../shared/pieces/piece-table.ts';
import type { Params } from '../../shared/protocol/coordinator-methods.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';

interface Deps {
  readonly database: FleetDatabase;
}

/** The size of a blob in bytes, when the repository holds it. */
export function statBlob({ database }: Deps, { repository, digest }: Params<'blob.stat'>): number | undefined {
  return database.read('resolve', () => {
    const repositoryId = database.repositories.find(repository);
    return repositoryId === undefined ? undefined : database.repositoryBlobs.find(repositoryId, digest)?.sizeBytes;
  });
}

/**
 * Records a blob that `nodeId` adopted: its table, that node's copy, and that the repository holds it.
 * @throws {AppError} `message_invalid` for a table that cannot be right, or differs from one that other holders vouch for;
 * `identity_refused` for a node that is not of the roster.
 */
export function addBlob({ database }: Deps, nodeId: string, params: Params<'blob.add'>): void {
  const { repository, digest } = params;
  const table = parsePieceTable(params.table);
  database.change('add_blob', () => {
    const node = database.nodes.find(nodeId);
    if (node === undefined || node.removedMs !== null) {
      throw new AppError('identity_refused', 'this node is not of the fleet', { detail: { node: nodeId } });
    }
    const blobId = ensureBlob(database, { node: node.node, digest, table });
    database.repositoryBlobs.add(database.repositories.ensure(repository), blobId);
    database.copies.add(node.node, blobId);
  });
}

/** Makes a blob of another repository present in this one. @returns false when it is not there, or nowhere. */
export function mountBlob({ database }: Deps, { repository, digest, from }: Params<'blob.mount'>): boolean {
  return database.change('mount_blob', () => {
    const blob = from === undefined ? findAnywhere(database, digest) : findIn(database, from, digest);
    if (blob === undefined) return false;
    database.repositoryBlobs.add(database.repositories.ensure(repository), blob.blobId);
    return true;
  });
}

/** Takes a blob out of a repository; others keep it, and so do manifests that name it (B-33, B-34). @throws {AppError} `blob_unknown` */
export function removeBlob({ database }: Deps, { repository, digest }: Params<'blob.remove'>): void {
  database.change('remove_blob', () => {
    const repositoryId = database.repositories.find(repository);
    const blob = repositoryId === undefined ? undefined : database.repositoryBlobs.find(repositoryId, digest);
    if (repositoryId === undefined || blob === undefined) {
      throw new AppError('blob_unknown', 'this repository does not hold the blob', { detail: { repository, digest } });
    }
    database.repositoryBlobs.remove(repositoryId, blob.blobId);
  });
}

/** The piece table follows from the bytes, so two honest nodes never differ. One that nobody else vouches for gives way. */
function ensureBlob(
  database: FleetDatabase,
  { node, digest, table }: { readonly node: number; readonly digest: Digest; readonly table: PieceTable },
): number {
  const known = database.blobs.find(digest);
  if (known === undefined) return database.blobs.insert(digest, table);
  const knownTable = database.blobs.table(digest);
  if (knownTable !== undefined && isSameTable(knownTable, table)) return known.blobId;
  if (database.copies.othersHold(known.blobId, node)) {
    throw new AppError('message_invalid', 'the piece table differs from the one that other holders gave', {
      detail: { digest },
    });
  }
  database.blobs.replaceTable(digest, table);
  return known.blobId;
}

function isSameTable(left: PieceTable, right: PieceTable): boolean {
  return left.sizeBytes === right.sizeBytes && Buffer.compare(left.hashes, right.hashes) === 0;
}

function findIn(database: FleetDatabase, repository: string, digest: Digest): { readonly blobId: number } | undefined {
  const repositoryId = database.repositories.find(repository);
  return repositoryId === undefined ? undefined : database.repositoryBlobs.find(repositoryId, digest);
}

function findAnywhere(database: FleetDatabase, digest: Digest): { readonly blobId: number } | undefined {
  const blob = database.blobs.find(digest);
  return blob !== undefined && database.repositoryBlobs.isAnywhere(blob.blobId) ? blob : undefined;
}
