import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PieceHandOut, creditLimit } from '../../../node/swarm/scheduler/piece-hand-out.ts';

test('Every piece is given once, lowest first, before any is given twice, whoever asks', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(4), { minLength: 30, maxLength: 60 }), (askers) => {
      const handOut = new PieceHandOut({ pieceCount: 30 });
      for (let node = 0; node < 5; node += 1) handOut.nodeJoined(node);

      const given: number[] = [];
      for (const node of askers) {
        handOut.creditAsked(node, 1);
        const next = handOut.next();
        assert.equal(next?.node, node);
        if (next !== undefined) given.push(next.pieceIndex);
        if (given.length === 30) break;
      }

      assert.deepEqual(
        given,
        Array.from({ length: 30 }, (_, at) => at),
      );
      assert.ok(handOut.isPassOver);
    }),
  );
});

test('Credits are served in the order they came, and no node has more open than the limit', () => {
  const handOut = new PieceHandOut({ pieceCount: 10 });
  for (const node of [0, 1, 2]) handOut.nodeJoined(node);

  assert.deepEqual(
    [2, 0, 1].map((node) => handOut.creditAsked(node, 1)),
    [true, true, true],
  );
  assert.equal(handOut.creditAsked(2, 1), false);

  assert.deepEqual(
    [handOut.next()?.node, handOut.next()?.node, handOut.next()?.node, handOut.next()],
    [2, 0, 1, undefined],
  );
});

test('After the first pass only scarce pieces are given again, and no more than 1.3 copies in all', () => {
  const handOut = new PieceHandOut({ pieceCount: 10 });
  for (let node = 0; node < 6; node += 1) handOut.nodeJoined(node);
  for (let piece = 0; piece < 10; piece += 1) {
    handOut.creditAsked(0, 1);
    handOut.next();
  }
  for (let node = 0; node < 6; node += 1) for (let piece = 0; piece < 9; piece += 1) handOut.nodeHas(node, piece);

  const again: number[] = [];
  for (let node = 0; node < 6; node += 1) {
    handOut.creditAsked(node, 1);
    const next = handOut.next();
    if (next !== undefined) again.push(next.pieceIndex);
  }

  assert.deepEqual(again, [9, 9, 9]);
  assert.equal(handOut.givenCount, 13);
});

test('Pieces that were lost with their first holder go to one node each, until each is on its way again', () => {
  const handOut = new PieceHandOut({ pieceCount: 6, maxCopies: 3 });
  for (let node = 0; node < 4; node += 1) handOut.nodeJoined(node);
  const give = (node: number): number | undefined => {
    handOut.creditAsked(node, 1);
    return handOut.next()?.pieceIndex;
  };
  for (let piece = 0; piece < 6; piece += 1) assert.equal(give(0), piece);
  handOut.nodeLeft(0);

  assert.deepEqual([1, 2, 3, 1, 2, 3].map(give), [0, 1, 2, 3, 4, 5]);

  handOut.nodeHas(1, 3);
  handOut.refused(2, 4);
  assert.deepEqual([3, 3, 3].map(give), [4, 0, 1], 'nobody is about to have 4, and 3 has a holder');
});

test('A lone node keeps megabytes on the way, a crowd one piece each', () => {
  assert.equal(creditLimit({ nodeCount: 1, pieceBytes: 128 * 1024 }), 64);
  assert.equal(creditLimit({ nodeCount: 16, pieceBytes: 128 * 1024 }), 2);
  assert.equal(creditLimit({ nodeCount: 17, pieceBytes: 128 * 1024 }), 1);
});

test('A piece that a node did not take goes to another that asks, and to the same one only when no other wants it', () => {
  const handOut = new PieceHandOut({ pieceCount: 3 });
  for (const node of [0, 1]) handOut.nodeJoined(node);
  const isFree = (free: number) => (node: number) => node === free;
  for (const node of [0, 1]) handOut.creditAsked(node, 2);
  assert.deepEqual(handOut.next(isFree(0)), { node: 0, pieceIndex: 0 });

  handOut.giveFailed(0, 0);
  handOut.creditAsked(0, 2);
  assert.deepEqual(handOut.next(isFree(0)), { node: 0, pieceIndex: 1 }, 'node 1 is to get it, as soon as it is free');
  assert.deepEqual(handOut.next(isFree(1)), { node: 1, pieceIndex: 0 });

  handOut.giveFailed(1, 0);
  for (const node of [0, 1]) handOut.creditAsked(node, 2);
  assert.deepEqual(handOut.next(), { node: 0, pieceIndex: 0 }, 'neither took it: it is not lost');
  assert.deepEqual(handOut.next(), { node: 1, pieceIndex: 2 });
});

test('Whatever nodes refuse, each piece that one of them lacks is given, whoever else asks', () => {
  const step = fc.record({ node: fc.nat(2), isTaken: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const handOut = new PieceHandOut({ pieceCount: 8, maxCopies: 1000 });
      const had = new Set<number>();
      for (const node of [0, 1, 2]) handOut.nodeJoined(node);
      const give = (how: { readonly isTaken: boolean }): void => {
        const given = handOut.next();
        if (given === undefined) return;
        if (!how.isTaken) return handOut.giveFailed(given.node, given.pieceIndex);
        had.add(given.pieceIndex);
        handOut.nodeHas(given.node, given.pieceIndex);
      };
      for (const { node, isTaken } of steps) {
        handOut.creditAsked(node, 2);
        give({ isTaken });
      }
      for (let turn = 0; turn < 60; turn += 1) {
        handOut.creditAsked(turn % 3, 2);
        give({ isTaken: true });
      }
      assert.equal(had.size, 8);
    }),
  );
});

test('Who comes with nothing while others have pieces gets the first piece first, once; who has some, or came with the others, does not', () => {
  const handOut = new PieceHandOut({ pieceCount: 10 });
  const give = (node: number): number | undefined => {
    handOut.creditAsked(node, 1);
    return handOut.next()?.pieceIndex;
  };
  for (const node of [0, 1]) handOut.nodeJoined(node);
  assert.equal(give(0), 0);
  handOut.nodeHas(0, 0);
  assert.equal(give(1), 1, 'it came before anybody had anything');
  for (const node of [2, 3]) handOut.nodeJoined(node);
  handOut.nodeHas(3, 7);

  assert.deepEqual([2, 2, 3].map(give), [0, 2, 3]);
});

test('Newcomers get no first piece beyond 1.3 copies in all', () => {
  const handOut = new PieceHandOut({ pieceCount: 10, maxHolders: 0 });
  const give = (node: number): number | undefined => {
    handOut.creditAsked(node, 1);
    return handOut.next()?.pieceIndex;
  };
  handOut.nodeJoined(0);
  for (let piece = 0; piece < 10; piece += 1) handOut.nodeHas(0, give(0) ?? 0);

  const given = [1, 2, 3, 4, 5].map((node) => {
    handOut.nodeJoined(node);
    return give(node);
  });

  assert.deepEqual(given, [0, 0, 0, undefined, undefined]);
});
