// A node asks for leave to delete its file of a blob. From the moment that leave is given, the file no longer counts as a copy, although
// it still exists: whatever happens until it is deleted, nobody relies on it.

import type { Digest } from '../../shared/oci/digest.ts';
import type { Params } from '../../shared/protocol/coordinator-methods.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import type { Directory } from '../directory/directory.ts';
import type { NeighbourChange } from '../directory/neighbour-changes.ts';

export interface ReleaseDeps {
  readonly database: FleetDatabase;
  readonly directory: Directory;
  readonly copyRecord: { settle(nodeId: string): void };
  readonly sessions: { tell(changes: readonly NeighbourChange[]): void };
  /** Origins within reach that keep a blob which a node may evict. */
  readonly copies: number;
}

/**
 * Leave to delete after an order (`collected`): while no repository holds the blob. Leave to make room (`evicted`): for a
 * node that is no origin, while enough origins within reach hold it, or no repository does.
 * @returns whether the node may delete its file.
 */
export function releaseCopy(
  deps: ReleaseDeps,
  asker: { readonly nodeId: string; readonly isOrigin: boolean },
  { digest, purpose }: Params<'blob.release'>,
): boolean {
  const { database, directory, copyRecord, sessions } = deps;
  copyRecord.settle(asker.nodeId);
  const isReleased = database.change('release', () => {
    const node = database.nodes.find(asker.nodeId);
    const blob = database.blobs.find(digest);
    if (node === undefined) return false;
    if (blob === undefined) return purpose === 'collected'; // an order whose end we did not see; eviction waits for a record
    const isFree = database.removals.isRemoving(blob.blobId);
    if (!isFree && !(purpose === 'evicted' && mayEvict(deps, asker, blob.digest))) return false;
    database.copies.remove(node.node, blob.blobId);
    database.removals.add(node.node, blob.blobId);
    return true;
  });
  if (isReleased) sessions.tell(directory.removeHolding(asker.nodeId, digest));
  return isReleased;
}

function mayEvict(
  { directory, copies }: ReleaseDeps,
  asker: { readonly nodeId: string; readonly isOrigin: boolean },
  digest: Digest,
): boolean {
  return !asker.isOrigin && directory.originCopies(digest) >= copies;
}
