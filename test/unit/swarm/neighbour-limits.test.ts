import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_SHARE } from '../../../shared/pieces/piece-share.ts';
import { NeighbourLimits } from '../../../node/swarm/scheduler/neighbour-limits.ts';

const NAMED = { named: {}, isTakenBack: false };
const UNKNOWN = { named: undefined, isTakenBack: false };
const TAKEN_BACK = { named: undefined, isTakenBack: true };
const QUIET = { isPartial: false, silentMs: 0, noBytesMs: 0, hasMore: () => false };

/** `asked`: those of whom anything may be asked. */
function limits(count: number) {
  const asked = new Set<number>();
  const made = new NeighbourLimits(
    {
      setShare: (id, share) => void (share === NO_SHARE ? asked.delete(id) : asked.add(id)),
      lagging: () => undefined,
    },
    { pieceCount: 10 },
  );
  for (let id = 0; id < count; id += 1) {
    asked.add(id);
    made.neighbourAdded(id, 'own zone', NAMED);
  }
  return { made, asked };
}

test('A neighbour that was taken back is asked for nothing while six others are named, and again when it is named', () => {
  const { made, asked } = limits(7);

  made.renamed(3, TAKEN_BACK);
  assert.deepEqual([...asked], [0, 1, 2, 4, 5, 6]);

  made.renamed(3, NAMED);
  assert.ok(asked.has(3));
});

test('With fewer than six named neighbours those that were taken back are asked too, until the others have a channel', () => {
  const { made, asked } = limits(6);

  made.renamed(0, TAKEN_BACK);
  assert.equal(asked.size, 6);

  asked.add(9);
  made.neighbourAdded(9, 'own zone', UNKNOWN);
  assert.deepEqual([...asked], [1, 2, 3, 4, 5, 9]);

  made.neighbourGone(9);
  assert.ok(asked.has(0));
});

test('A neighbour whose channel opens after it was taken back is asked for nothing', () => {
  const { made, asked } = limits(6);

  asked.add(6);
  made.neighbourAdded(6, 'own zone', TAKEN_BACK);

  assert.equal(asked.has(6), false);
});

test('Those that were taken back are asked while only some pieces are needed', () => {
  const { made, asked } = limits(7);
  made.renamed(3, TAKEN_BACK);

  made.tick({ ...QUIET, isPartial: true }, 1000);
  assert.ok(asked.has(3));

  made.tick(QUIET, 2000);
  assert.equal(asked.has(3), false);
});

test('When no byte came for 15 s those that were taken back are asked, whatever is announced, until another is named', () => {
  const { made, asked } = limits(7);
  made.renamed(3, TAKEN_BACK);

  made.tick({ ...QUIET, noBytesMs: 14_999 }, 15_000);
  assert.equal(asked.has(3), false);
  made.tick({ ...QUIET, noBytesMs: 15_000 }, 15_001);
  assert.ok(asked.has(3));
  made.tick(QUIET, 15_251);
  assert.ok(asked.has(3), 'what it gives does not end it');

  asked.add(9);
  made.neighbourAdded(9, 'own zone', NAMED);
  assert.equal(asked.has(3), false);
});

test('A neighbour of another zone that was taken back is asked for nothing, however few there are', () => {
  const { made, asked } = limits(1);
  asked.add(1);
  made.neighbourAdded(1, 'other zone', { named: { share: { of: 2, classes: [0] } }, isTakenBack: false });
  assert.ok(asked.has(1));

  made.renamed(1, TAKEN_BACK);

  assert.equal(asked.has(1), false);
});
