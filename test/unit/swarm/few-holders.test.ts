import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PieceSet } from '../../../node/swarm/scheduler/piece-set.ts';
import { NO_SHARE } from '../../../shared/pieces/piece-share.ts';
import { scheduler } from '../../support/recorded-scheduler.ts';

test('Of two that have everything pieces are asked by number, unless many still download', () => {
  const { made, take } = scheduler({ pieceCount: 100 });
  for (const holder of [0, 1]) {
    made.neighbourAdded(holder, 0);
    made.neighbourOffers(holder, { credits: 1, isPassOver: false }, 0);
    made.neighbourPieces(holder, PieceSet.full(100), 0);
  }
  const alone = take();
  assert.deepEqual(alone.slice(0, 1), ['any 0']);
  assert.ok(alone.slice(1).length > 0 && alone.slice(1).every((action) => action.startsWith('request ')));

  for (const other of [2, 3, 4, 5]) made.neighbourAdded(other, 1);
  made.neighbourPieces(5, new PieceSet(100), 1);

  assert.deepEqual(take(), ['any 1']);
});

test('Of several that have everything pieces are asked by number while those who still download have most of what is wanted', () => {
  const { made, take } = scheduler({ pieceCount: 100 });
  const most = new PieceSet(100);
  for (let piece = 0; piece < 60; piece += 1) most.add(piece);
  for (const other of [2, 3, 4, 5]) made.neighbourAdded(other, 0);
  made.neighbourPieces(5, most, 0);
  take();

  for (const holder of [0, 1]) {
    made.neighbourAdded(holder, 0);
    made.neighbourOffers(holder, { credits: 1, isPassOver: false }, 0);
    made.neighbourPieces(holder, PieceSet.full(100), 0);
  }

  const [first, ...rest] = take();
  assert.equal(first, 'any 0');
  assert.ok(rest.length > 0 && rest.every((action) => action.startsWith('request ')));
});

test('Who gives pieces of its own choice is asked for none while nothing may be asked of it', () => {
  const { made, take } = scheduler({ pieceCount: 100 });
  made.neighbourAdded(0, 0);
  made.setShare(0, NO_SHARE, 0);
  made.neighbourOffers(0, { credits: 1, isPassOver: false }, 0);
  made.neighbourPieces(0, PieceSet.full(100), 0);
  assert.deepEqual(take(), []);

  made.setShare(0, undefined, 1);

  assert.deepEqual(take(), ['any 0']);
});
