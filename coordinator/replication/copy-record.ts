// The record of who holds what: durable in SQLite, then in memory, then told to those it concerns.
//
// Nodes announce in small pieces and all at once (a release ends on a thousand hosts in the same second), while a
// transaction costs a disk flush. So announcements are gathered for a moment and written in one transaction. A caller's promise
// resolves after it; announcements of one node are applied in the order they came.
//
// Only those of origins are flushed at once: pushes are acknowledged by their copies. When the coordinator's host loses power, what
// other nodes said a moment before is lost with their sessions, and each says all that it holds in its next.

import type { Digest } from '../../shared/oci/digest.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import type { Directory } from '../directory/directory.ts';
import type { NeighbourChange } from '../directory/neighbour-changes.ts';

export interface HoldingsChange {
  readonly nodeId: string;
  /** Its copies are what pushes are acknowledged by. */
  readonly isOrigin: boolean;
  readonly added: ReadonlyArray<{ readonly digest: Digest; readonly sizeBytes: number }>;
  readonly removed: readonly Digest[];
  /** All that the node holds, when this ends a snapshot: every other copy recorded for it is gone. */
  readonly everything?: ReadonlySet<Digest> | undefined;
}

export interface CopyRecordDeps {
  readonly clock: Clock;
  readonly database: FleetDatabase;
  readonly directory: Directory;
  /** Tells members of swarms about their neighbours. */
  readonly tell: (changes: readonly NeighbourChange[]) => void;
  /** A copy was recorded, new or known. */
  readonly onCopy: (nodeId: string, digest: Digest) => void;
  /** A copy is gone. */
  readonly onLoss: (nodeId: string, digest: Digest) => void;
  /** A node says that it holds a blob that no record names. */
  readonly onUnknown: (nodeId: string, digest: Digest) => void;
}

interface Job {
  readonly change: HoldingsChange;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Applied {
  readonly nodeId: string;
  readonly added: readonly Digest[];
  readonly removed: readonly Digest[];
  readonly unknown: readonly Digest[];
}

/** How long announcements are gathered: far below the time of a download, about the time of a disk flush. */
const GATHER_MS = 2;
/**
 * Announcements per transaction; the rest is written in the next. When a release ends everywhere each announcement also moves a member of a swarm,
 * a quarter of a millisecond; a resolve waits for one batch at most, so a batch stays near the time of its disk flush.
 */
const MAX_BATCH_JOBS = 32;
/** Digests after which a batch takes no further announcement; the rest is written in the next. */
const MAX_BATCH_DIGESTS = 4000;

export class CopyRecord {
  readonly #deps: CopyRecordDeps;
  readonly #jobs: Job[] = [];
  /** How many gathered announcements each node has. */
  readonly #gathered = new Map<string, number>();
  #timer: Scheduled | undefined;

  constructor(deps: CopyRecordDeps) {
    this.#deps = deps;
  }

  /** Records what a node gained and lost. Blobs without a record are passed over, for their bytes serve nobody, and told of. */
  announce(change: HoldingsChange): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({ change, resolve, reject });
      this.#gathered.set(change.nodeId, (this.#gathered.get(change.nodeId) ?? 0) + 1);
      this.#timer ??= this.#deps.clock.schedule(GATHER_MS, () => this.#flush());
    });
  }

  /** Writes what a node announced before, now: it must not be written over what the caller is about to record. */
  settle(nodeId: string): void {
    while (this.#gathered.has(nodeId)) this.#flush();
  }

  /** A copy that the caller's own transaction has recorded. */
  recorded(nodeId: string, digest: Digest): void {
    const { directory, tell, onCopy } = this.#deps;
    tell(directory.addHolding(nodeId, digest));
    onCopy(nodeId, digest);
  }

  /** Refuses what is still gathered; the nodes say it again in their next session. */
  close(): void {
    this.#timer?.cancel();
    this.#gathered.clear();
    for (const job of this.#jobs.splice(0)) job.reject(new AppError('shutting_down', 'the coordinator is stopping'));
  }

  /** Writes one batch, now; the rest follows when others had their turn. */
  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const jobs = this.#takeBatch();
    if (this.#jobs.length > 0) this.#timer = this.#deps.clock.schedule(0, () => this.#flush());
    let applied: Applied[];
    try {
      const flush = jobs.some(({ change }) => change.isOrigin) ? 'now' : 'with-next';
      const write = (): Applied[] => jobs.map(({ change }) => this.#write(change));
      applied = this.#deps.database.change('announce', write, { flush });
    } catch (error) {
      for (const job of jobs) job.reject(error);
      return;
    }
    for (const change of applied) this.#remember(change);
    for (const job of jobs) job.resolve();
  }

  #takeBatch(): Job[] {
    let digests = 0;
    let count = 0;
    for (const { change } of this.#jobs) {
      if (count === MAX_BATCH_JOBS || digests > MAX_BATCH_DIGESTS) break;
      digests += change.added.length + change.removed.length + (change.everything?.size ?? 0);
      count += 1;
    }
    const batch = this.#jobs.splice(0, count);
    for (const { change } of batch) {
      const left = (this.#gathered.get(change.nodeId) ?? 1) - 1;
      if (left === 0) this.#gathered.delete(change.nodeId);
      else this.#gathered.set(change.nodeId, left);
    }
    return batch;
  }

  #write(change: HoldingsChange): Applied {
    const { nodes, blobs, copies, removals } = this.#deps.database;
    const { nodeId, everything } = change;
    const row = nodes.find(nodeId);
    const added: Digest[] = [];
    const removed: Digest[] = [];
    const unknown: Digest[] = [];
    if (row === undefined || row.removedMs !== null) return { nodeId, added, removed, unknown };
    for (const { digest, sizeBytes } of change.added) {
      const blob = blobs.find(digest);
      if (blob === undefined) unknown.push(digest);
      if (blob?.sizeBytes !== sizeBytes) continue;
      copies.add(row.node, blob.blobId);
      removals.remove(row.node, blob.blobId);
      added.push(digest);
    }
    for (const digest of change.removed) {
      removed.push(digest);
      const blob = blobs.find(digest);
      if (blob === undefined) continue;
      copies.remove(row.node, blob.blobId);
      removals.remove(row.node, blob.blobId);
    }
    if (everything !== undefined) {
      for (const { digest, blobId } of copies.ofNode(row.node)) {
        if (everything.has(digest)) continue;
        copies.remove(row.node, blobId);
        removed.push(digest);
      }
      for (const { digest, blobId } of removals.ofNode(row.node)) {
        if (!everything.has(digest)) removals.remove(row.node, blobId);
      }
    }
    return { nodeId, added, removed, unknown };
  }

  #remember({ nodeId, added, removed, unknown }: Applied): void {
    const { directory, tell, onCopy, onLoss, onUnknown } = this.#deps;
    for (const digest of unknown) onUnknown(nodeId, digest);
    for (const digest of removed) {
      tell(directory.removeHolding(nodeId, digest));
      onLoss(nodeId, digest);
    }
    for (const digest of added) {
      tell(directory.addHolding(nodeId, digest));
      onCopy(nodeId, digest);
    }
  }
}
