import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PieceScheduler } from '../../../node/swarm/scheduler/piece-scheduler.ts';

function askedOf(neighbours: number, credits: number): number {
  let asked = 0;
  const scheduler = new PieceScheduler(
    {
      request: () => undefined,
      requestAny: (neighbour) => (asked += neighbour === 0 ? 1 : 0),
      cancel: () => undefined,
      stalled: () => undefined,
    },
    { pieceCount: 1000, depth: 2, random: () => 0.5 },
  );
  for (let neighbour = 0; neighbour < neighbours; neighbour += 1) scheduler.neighbourAdded(neighbour, 0);
  scheduler.neighbourOffers(0, { credits, isPassOver: false }, 0);
  return asked;
}

test('Of the only neighbour as many pieces of its choice are asked for as it offers', () => {
  assert.equal(askedOf(1, 64), 64);
});

test('Of one among others two pieces of its choice are asked for, since another may come to give the same', () => {
  assert.equal(askedOf(8, 64), 2);
  assert.equal(askedOf(8, 1), 1);
});
