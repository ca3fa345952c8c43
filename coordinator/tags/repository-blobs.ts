// Which blobs a repository holds: stat, add after an upload, mount from another repository, delete.

import type { Digest } from '../../shared/oci/digest.ts';
import { mayBeTableOf } from '../../shared/pieces/implied-table.ts';
import { isSameTable, parsePieceTable, type PieceTable } from '../../shared/pieces/piece-table.ts';
import type { Params } from '../../shared/protocol/coordinator-methods.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import type { Directory } from '../directory/directory.ts';

/** Holders named when nodes differ about a table: one of them, or the one that came now, is to be looked at. */
const MAX_NAMED_HOLDERS = 20;

interface Deps {
  readonly database: FleetDatabase;
}

interface LookDeps extends Deps {
  readonly directory: Pick<Directory, 'isHeld'>;
}

/**
 * The size of a blob in bytes, when the repository holds it. One whose last copy is gone, as when an origin lost its disk,
 * counts as not there: a client that is told otherwise never pushes the bytes again. Holders out of reach do count.
 */
export function statBlob(
  { database, directory }: LookDeps,
  { repository, digest }: Params<'blob.stat'>,
): number | undefined {
  return database.read('resolve', () => {
    const repositoryId = database.repositories.find(repository);
    if (repositoryId === undefined || !directory.isHeld(digest)) return undefined;
    return database.repositoryBlobs.find(repositoryId, digest)?.sizeBytes;
  });
}

interface AddDeps extends Deps {
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
    database.repositoryBlobs.add(database.repositories.ensure(repository), blobId);
    database.copies.add(node.node, blobId);
  });
}

/** Makes a blob of another repository present in this one. @returns false when it is not there, or no copy of it is left. */
export function mountBlob(
  { database, directory }: LookDeps,
  { repository, digest, from }: Params<'blob.mount'>,
): boolean {
  if (!directory.isHeld(digest)) return false;
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

function findIn(database: FleetDatabase, repository: string, digest: Digest): { readonly blobId: number } | undefined {
  const repositoryId = database.repositories.find(repository);
  return repositoryId === undefined ? undefined : database.repositoryBlobs.find(repositoryId, digest);
}

function findAnywhere(database: FleetDatabase, digest: Digest): { readonly blobId: number } | undefined {
  const blob = database.blobs.find(digest);
  return blob !== undefined && database.repositoryBlobs.isAnywhere(blob.blobId) ? blob : undefined;
}
