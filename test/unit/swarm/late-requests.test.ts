import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PieceSet } from '../../../node/swarm/scheduler/piece-set.ts';
import { scheduler, withFull } from '../../support/recorded-scheduler.ts';

test('What a silent neighbour was asked for goes to others after its deadline, and it is left alone for a while', () => {
  const { made, take } = scheduler({ pieceCount: 2 });
  withFull(made, 0, 2);
  take();
  made.neighbourAdded(1, 0);
  made.tick(2999);
  assert.deepEqual(take(), []);

  made.tick(3001);
  assert.deepEqual(take(), ['stalled 0']);
  made.neighbourPieces(1, PieceSet.full(2), 3002);

  assert.deepEqual(take().toSorted(), ['cancel 0 0', 'cancel 0 1', 'request 1 0', 'request 1 1']);
  made.tick(3900);
  assert.deepEqual(take(), []);
});

test('What comes late is taken while nobody else was asked for it, and its sender is asked again at once', () => {
  const { made, take } = scheduler({ pieceCount: 4 });
  withFull(made, 0, 4);
  const [first = -1, second = -1] = take().map((line) => Number(line.split(' ')[2]));
  made.tick(3001);
  made.neighbourAdded(1, 3001);
  made.neighbourHas(1, second, 3001);
  assert.deepEqual(take(), ['stalled 0', `cancel 0 ${second}`, `request 1 ${second}`]);

  made.bytesArrived(0, 3017);
  assert.ok(made.isAsked(0, first), 'it is taken');
  assert.ok(!made.isAsked(0, second), 'somebody else was asked for that');
  made.neighbourHas(1, first, 3018);
  assert.deepEqual(take(), [], 'it comes, and is asked of nobody else');
  made.pieceArrived(0, first, 3030);

  assert.equal(take().filter((line) => line.startsWith('request 0')).length, 2);
});

test('What is a second late is given up, and its sender told so', () => {
  const { made, take } = scheduler({ pieceCount: 1 });
  withFull(made, 0, 1);
  made.tick(3001);
  made.tick(4000);
  assert.deepEqual(take(), ['request 0 0', 'stalled 0']);

  made.tick(4001);

  assert.deepEqual(take(), ['cancel 0 0', 'request 0 0']);
});
