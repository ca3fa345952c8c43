// Neighbours that always send a few bytes before their deadline, and never a piece.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scheduler, withFull } from '../../support/recorded-scheduler.ts';

const TICK_MS = 100;
/** What the good neighbour takes for a piece. */
const PIECE_MS = 20;

/** @returns when everything was here, undefined when it was not after `untilMs`; and how many pieces the good one was asked for. */
function pull(tricklers: number, options: { readonly pieceCount: number; readonly untilMs: number }) {
  const { pieceCount, untilMs } = options;
  const { made, take } = scheduler({ pieceCount });
  const good = tricklers;
  const due: Array<{ readonly piece: number; readonly atMs: number }> = [];
  let asked = 0;
  const hear = (nowMs: number): void => {
    for (const line of take()) {
      const [what, neighbour, piece] = line.split(' ');
      if (Number(neighbour) !== good || what !== 'request') continue;
      asked += 1;
      due.push({ piece: Number(piece), atMs: Math.max(nowMs, due.at(-1)?.atMs ?? 0) + PIECE_MS });
    }
  };
  for (let neighbour = 0; neighbour <= good; neighbour += 1) withFull(made, neighbour, pieceCount);
  hear(0);
  for (let nowMs = 10; nowMs <= untilMs; nowMs += 10) {
    for (let next = due[0]; next !== undefined && next.atMs <= nowMs; next = due[0]) {
      due.shift();
      made.pieceArrived(good, next.piece, nowMs);
      made.pieceVerified(next.piece);
      hear(nowMs);
    }
    if (made.isComplete) return { endMs: nowMs, asked };
    if (nowMs % TICK_MS !== 0) continue;
    for (let neighbour = 0; neighbour < good; neighbour += 1) made.bytesArrived(neighbour, nowMs);
    made.tick(nowMs);
    hear(nowMs);
  }
  return { endMs: undefined, asked };
}

for (const tricklers of [1, 2, 5, 20]) {
  test(`${tricklers} neighbours that trickle do not keep a pull from its end while one gives`, () => {
    const { endMs, asked } = pull(tricklers, { pieceCount: 100, untilMs: 60_000 });

    assert.ok(endMs !== undefined, 'it ends');
    assert.equal(asked, 100);
    assert.ok(endMs < 20_000, `ended after ${endMs} ms of its own time`);
  });
}

test('A neighbour that trickles does not keep a pull from its end while one gives pieces of its own choice', () => {
  const pieceCount = 100;
  const { made, take } = scheduler({ pieceCount });
  const [trickler, origin] = [0, 1];
  const given: Array<{ readonly piece: number; readonly atMs: number }> = [];
  let next = 0;
  const give = (piece: number, nowMs: number): void => {
    given.push({ piece, atMs: Math.max(nowMs, given.at(-1)?.atMs ?? 0) + PIECE_MS });
  };
  const hear = (nowMs: number): void => {
    for (const line of take()) {
      const [what, neighbour, piece] = line.split(' ');
      if (Number(neighbour) !== origin) continue;
      if (what === 'request') give(Number(piece), nowMs);
      if (what === 'any' && next < pieceCount) give(next++, nowMs);
    }
  };
  withFull(made, origin, pieceCount);
  made.neighbourOffers(origin, { credits: 2, isPassOver: false }, 0);
  made.neighbourAdded(trickler, 0);
  // The last pieces, which the other comes to at its end.
  for (let piece = pieceCount - 2; piece < pieceCount; piece += 1) made.neighbourHas(trickler, piece, 0);
  hear(0);
  for (let nowMs = 10; nowMs <= 60_000 && !made.isComplete; nowMs += 10) {
    for (let first = given[0]; first !== undefined && first.atMs <= nowMs; first = given[0]) {
      given.shift();
      const { piece } = first;
      if (!made.isAsked(origin, piece) && !made.creditStarted(origin, piece, nowMs)) continue;
      made.pieceArrived(origin, piece, nowMs);
      made.pieceVerified(piece);
    }
    if (nowMs % TICK_MS === 0) {
      made.bytesArrived(trickler, nowMs);
      made.tick(nowMs);
    }
    hear(nowMs);
  }

  assert.ok(made.isComplete, 'it ends');
});
