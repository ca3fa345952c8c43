import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ForetoldPieces, foretellingLeadMs, mayForetell } from '../../../node/swarm/scheduler/foretold-pieces.ts';
import { PieceSet } from '../../../node/swarm/scheduler/piece-set.ts';

function setOf(length: number, pieces: Iterable<number>): PieceSet {
  const set = new PieceSet(length);
  for (const piece of pieces) set.add(piece);
  return set;
}

test('Pieces are foretold by the shortest round trip, not at all on a short way, and never far ahead', () => {
  assert.equal(foretellingLeadMs([]), 0);
  assert.equal(foretellingLeadMs([0, 0]), 0);
  assert.equal(foretellingLeadMs([60, 1, 80]), 0, 'the others are busy, and not far');
  assert.equal(foretellingLeadMs([60, 0, 40]), 40);
  assert.equal(foretellingLeadMs([4000]), 250);
});

test('Whoever hears what is here and what will be never hears of every piece before the last is here', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(9), { maxLength: 10 }), (foretold) => {
      const peer = { remoteHas: new PieceSet(10), isOffering: false, askedCount: 0 };
      const has = setOf(10, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].slice(foretold.length));
      let foretoldCount = 0;
      for (const piece of foretold) if (mayForetell(peer, piece, { has, foretoldCount })) foretoldCount += 1;
      assert.ok(has.count + foretoldCount < 10 || foretold.length === 0);
    }),
  );
});

test('A piece is foretold neither to who has it, nor to who gives by what is here, nor to who waits for others', () => {
  const own = { has: new PieceSet(10), foretoldCount: 0 };
  const idle = { remoteHas: setOf(10, [4]), isOffering: false, askedCount: 1 };

  assert.equal(mayForetell({ ...idle, remoteHas: undefined }, 3, own), true);
  assert.equal(mayForetell(idle, 3, own), true);
  assert.equal(mayForetell(idle, 4, own), false);
  assert.equal(mayForetell({ ...idle, isOffering: true }, 3, own), false);
  assert.equal(mayForetell({ ...idle, askedCount: 2 }, 3, own), false);
});

test('Who was told of a piece and asks for it waits until it is here, or will not come, or it wants it no more', () => {
  const pieces = new ForetoldPieces();
  assert.equal(pieces.ask(1), false, 'it was not told of that');
  for (const piece of [1, 2, 3]) pieces.tell(piece);
  assert.equal(pieces.count, 3);
  assert.equal(pieces.cancel(2), false, 'it did not ask for that');

  assert.equal(pieces.ask(1), true);
  pieces.tell(1);
  assert.equal(pieces.ask(2), true);
  assert.equal(pieces.cancel(2), true);

  assert.deepEqual(
    [1, 2, 3, 4].map((piece) => pieces.over(piece)),
    ['asked', 'told', 'told', undefined],
  );
  assert.equal(pieces.over(1), undefined, 'it is over');
  assert.equal(pieces.count, 0);
});
