import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNewsTo } from '../../../node/swarm/scheduler/have-news.ts';
import { PieceSet } from '../../../node/swarm/scheduler/piece-set.ts';

test('A peer hears of pieces that it lacks, and before it said what it has', () => {
  const remoteHas = new PieceSet(4);
  remoteHas.add(1);

  assert.equal(isNewsTo({ remoteHas, isOffering: false }, 0), true);
  assert.equal(isNewsTo({ remoteHas, isOffering: false }, 1), false);
  assert.equal(isNewsTo({ remoteHas: undefined, isOffering: false }, 1), true);
});

test('A peer that hands out hears of every piece: it would send what has enough holders again', () => {
  assert.equal(isNewsTo({ remoteHas: PieceSet.full(4), isOffering: true }, 1), true);
});
