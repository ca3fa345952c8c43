// A piece scheduler that writes down what it wants done.

import { PieceScheduler } from '../../node/swarm/scheduler/piece-scheduler.ts';
import { PieceSet } from '../../node/swarm/scheduler/piece-set.ts';
import { seededRandom } from '../../scripts/simulation/core/seeded-random.ts';

/** `take` gives what was wanted since the last time, such as `request 0 7` for piece 7 of neighbour 0. */
export function scheduler(options: { readonly pieceCount: number; readonly depth?: number }) {
  const said: string[] = [];
  const made = new PieceScheduler(
    {
      request: (neighbour, piece) => said.push(`request ${neighbour} ${piece}`),
      requestAny: (neighbour) => said.push(`any ${neighbour}`),
      cancel: (neighbour, piece) => said.push(`cancel ${neighbour} ${piece}`),
      stalled: (neighbour) => said.push(`stalled ${neighbour}`),
    },
    { depth: 2, random: seededRandom(1), ...options },
  );
  const take = (): string[] => said.splice(0);
  return { made, take };
}

/** Adds a neighbour that has every piece. */
export function withFull(made: PieceScheduler, neighbour: number, pieceCount: number, nowMs = 0): void {
  made.neighbourAdded(neighbour, nowMs);
  made.neighbourPieces(neighbour, PieceSet.full(pieceCount), nowMs);
}
