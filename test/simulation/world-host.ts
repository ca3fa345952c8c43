// One host of a simulated fleet.

import type { PieceScheduler } from '../../node/swarm/scheduler/piece-scheduler.ts';
import { PieceSet } from '../../node/swarm/scheduler/piece-set.ts';
import type { SimulatedSeeder } from './simulated-seeder.ts';
import type { QueuedUpload, UploadQueue } from '../../node/swarm/scheduler/upload-queue.ts';

/** A connection, as one end sees it. */
export interface Link {
  readonly peer: number;
  /** The number of this link at the other end. */
  readonly back: number;
}

export interface Host {
  readonly links: Array<Link | undefined>;
  readonly queues: UploadQueue[];
  /** Piece and flow that go out on each link; -1 when none does. */
  readonly sending: Array<{ readonly upload: QueuedUpload; readonly flow: number } | undefined>;
  scheduler: PieceScheduler | undefined;
  /** Hands out; made when it has the blob and somebody linked to it has not. */
  seeder: SimulatedSeeder | undefined;
  readonly has: PieceSet;
  isDead: boolean;
  isLiar: boolean;
  verifyFreeMs: number;
  finishedMs: number;
}

/** The same pieces, to be changed apart. */
export function copyOf(has: PieceSet): PieceSet {
  const copy = new PieceSet(has.length);
  for (let piece = has.next(0); piece >= 0; piece = has.next(piece + 1)) copy.add(piece);
  return copy;
}
