import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Neighbour } from '../../../node/swarm/scheduler/neighbour.ts';
import { OwnPace } from '../../../node/swarm/scheduler/own-pace.ts';
import { PeerPipeline } from '../../../node/swarm/scheduler/peer-pipeline.ts';

const PIECES = 2000;

class World {
  readonly pace = new OwnPace();
  readonly neighbours: Neighbour[] = [];
  reports = 0;

  constructor(count: number) {
    for (let id = 0; id < count; id += 1) {
      const pipeline = new PeerPipeline();
      const settings = { pieceCount: PIECES, depth: 2, nowMs: 0, pipeline, useRoom: () => undefined };
      this.neighbours.push(new Neighbour(id, settings));
    }
    this.look();
  }

  /** Each neighbour tells of so many more pieces, and so many come here. */
  step(own: number, theirs: (id: number) => number): void {
    for (let piece = 0; piece < own; piece += 1) this.pace.arrived();
    for (const neighbour of this.neighbours) {
      for (let left = theirs(neighbour.id); left > 0; left -= 1) neighbour.gained(neighbour.toldCount);
    }
    this.look();
  }

  look(): void {
    if (this.pace.look(this.neighbours)) this.reports += 1;
  }
}

test('A host at a tenth of the pace of its neighbours notices it when half of them told of 64 pieces', () => {
  const world = new World(8);

  for (let round = 0; round < 6; round += 1) world.step(1, () => 10);
  assert.equal(world.reports, 0);
  for (let round = 0; round < 2; round += 1) world.step(1, () => 10);

  assert.equal(world.reports, 1);
  assert.equal(world.pace.isBehind, true);
});

test('A host whose neighbours are as slow as itself is not behind, whatever a few fast ones do', () => {
  const world = new World(8);

  for (let round = 0; round < 100; round += 1) world.step(1, (id) => (id < 3 ? 10 : 1));

  assert.equal(world.reports, 0);
});

test('Once late is not slow: hosts far from the holder get nothing at first', () => {
  const world = new World(8);

  world.step(0, () => 40);
  for (let round = 0; round < 20; round += 1) world.step(10, () => 10);

  assert.equal(world.reports, 0);
});

test('With few neighbours, or neighbours that have everything, nothing is compared', () => {
  const few = new World(4);
  const done = new World(8);
  for (const neighbour of done.neighbours.slice(0, 4)) {
    for (let piece = 0; piece < PIECES; piece += 1) neighbour.gained(piece);
  }

  for (const world of [few, done]) {
    for (let round = 0; round < 30; round += 1) world.step(0, (id) => (world === done && id < 4 ? 0 : 10));
  }

  assert.deepEqual([few.reports, done.reports], [0, 0]);
});

test('What a cap held back says nothing of the link', () => {
  const world = new World(8);

  for (let round = 0; round < 30; round += 1) {
    world.pace.heldBack();
    world.step(0, () => 10);
  }

  assert.equal(world.reports, 0);
});

test('Nobody with a third of the pace of the neighbour in the middle is ever held for slow', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(9), { minLength: 8, maxLength: 8 }),
      fc.integer({ min: 1, max: 40 }),
      (rates, rounds) => {
        const world = new World(8);
        const middle = rates.toSorted((left, right) => left - right)[4] ?? 0;

        for (let round = 0; round < rounds; round += 1) world.step(Math.ceil(middle / 3), (id) => rates[id] ?? 0);

        assert.equal(world.reports, 0);
      },
    ),
  );
});
