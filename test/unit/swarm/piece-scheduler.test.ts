import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { piecesOfRanges } from '../../../node/swarm/scheduler/piece-needs.ts';
import { PieceScheduler } from '../../../node/swarm/scheduler/piece-scheduler.ts';
import { PieceSet } from '../../../node/swarm/scheduler/piece-set.ts';
import { seededRandom } from '../../../scripts/simulation/core/seeded-random.ts';
import { scheduler, withFull } from '../../support/recorded-scheduler.ts';

test('A neighbour is asked for as many pieces as its pipeline holds, and for the next as soon as one arrived', () => {
  const { made, take } = scheduler({ pieceCount: 10 });

  withFull(made, 0, 10);
  const asked = take();
  made.pieceArrived(0, Number(asked[0]?.split(' ')[2]), 5);

  assert.equal(asked.length, 2);
  assert.equal(take().length, 1);
});

test('A piece that a client waits for is asked for first', () => {
  const { made, take } = scheduler({ pieceCount: 1000, depth: 8 });
  made.setReaders([700]);

  withFull(made, 0, 1000);

  assert.ok(take().includes('request 0 700'));
});

test('A neighbour that takes a piece back before it was asked for it is not asked for it', () => {
  const { made, take } = scheduler({ pieceCount: 3 });
  withFull(made, 0, 3);
  const asked = take().map((line) => Number(line.split(' ')[2]));
  const rest = [0, 1, 2].find((piece) => !asked.includes(piece)) ?? -1;

  made.requestRejected(0, rest, 1);
  for (const piece of asked) made.pieceArrived(0, piece, 2);
  assert.deepEqual(take(), []);
  made.neighbourHas(0, rest, 3);

  assert.deepEqual(take(), [`request 0 ${rest}`]);
});

test('Bytes on the way hold the deadline off, however long the piece takes', () => {
  const { made, take } = scheduler({ pieceCount: 1 });
  withFull(made, 0, 1);
  take();

  for (let nowMs = 0; nowMs < 60_000; nowMs += 1000) {
    made.bytesArrived(0, nowMs);
    made.tick(nowMs);
  }

  assert.deepEqual(take(), []);
});

test('Only when everything is asked for does an idle neighbour double a late request, once, and the loser is cancelled', () => {
  const { made, take } = scheduler({ pieceCount: 1 });
  withFull(made, 0, 1);
  assert.deepEqual(take(), ['request 0 0']);

  withFull(made, 1, 1);
  withFull(made, 2, 1);
  made.tick(40);
  assert.deepEqual(take(), []);
  made.tick(100);
  assert.deepEqual(take(), ['request 1 0']);
  made.pieceArrived(1, 0, 103);

  assert.deepEqual(take(), ['cancel 0 0']);
});

test('While one with everything gives by its own choice, another is asked from the end, and for no piece that is coming', () => {
  const { made, take } = scheduler({ pieceCount: 8 });
  made.neighbourAdded(0, 0);
  made.neighbourOffers(0, { credits: 4, isPassOver: false }, 0);
  assert.deepEqual(take(), ['any 0', 'any 0', 'any 0', 'any 0']);

  withFull(made, 1, 8);
  const asked = take();
  for (let piece = 7; piece >= 4; piece -= 1) made.pieceArrived(1, piece, 1);

  assert.deepEqual([...asked, ...take()], ['request 1 7', 'request 1 6', 'request 1 5', 'request 1 4']);
});

test('An origin is asked for any piece, and by number only for what nobody has long after its pass is over', () => {
  const { made, take } = scheduler({ pieceCount: 3 });
  made.neighbourAdded(0, 0);
  made.neighbourOffers(0, { credits: 1, isPassOver: false }, 0);
  made.neighbourPieces(0, PieceSet.full(3), 0);
  assert.deepEqual(take(), ['any 0']);
  assert.equal(made.creditStarted(0, 2, 1), true);
  made.pieceArrived(0, 2, 2);
  assert.deepEqual(take(), ['any 0']);

  made.neighbourOffers(0, { credits: 1, isPassOver: true }, 3);
  made.tick(1100);
  made.tick(2200);

  assert.ok(take().includes('request 0 0'));
});

test('Whatever neighbours do, nothing is asked twice outside the end game, nor of one who does not have it, and it ends', () => {
  const step = fc.record({ what: fc.nat(8), neighbour: fc.nat(3), piece: fc.nat(39) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), fc.nat(1000), (steps, seed) => {
      const pieceCount = 40;
      const has = Array.from({ length: 4 }, () => new Set<number>());
      const out = Array.from({ length: 4 }, () => new Set<number>());
      const held = new Set<number>();
      const asked = (piece: number): number => out.filter((set) => set.has(piece)).length;
      const made = new PieceScheduler(
        {
          request: (neighbour, piece) => {
            assert.ok(has[neighbour]?.has(piece), 'asked of one who does not have it');
            assert.ok(!held.has(piece), 'asked for a piece that is here');
            assert.ok(asked(piece) < 2, 'asked three times');
            const isEndGame = Array.from({ length: pieceCount }, (_, at) => held.has(at) || asked(at) > 0).every(
              Boolean,
            );
            assert.ok(asked(piece) === 0 || isEndGame, 'asked twice before the end game');
            out[neighbour]?.add(piece);
          },
          requestAny: () => assert.fail('there is no origin'),
          cancel: (neighbour, piece) => out[neighbour]?.delete(piece),
          stalled: () => undefined,
        },
        { pieceCount, depth: 3, random: seededRandom(seed) },
      );
      let nowMs = 0;
      const arrive = (neighbour: number): void => {
        const [piece] = out[neighbour] ?? [];
        if (piece === undefined) return;
        out[neighbour]?.delete(piece);
        held.add(piece);
        made.pieceArrived(neighbour, piece, nowMs);
        made.pieceVerified(piece);
      };
      for (let neighbour = 0; neighbour < 4; neighbour += 1) made.neighbourAdded(neighbour, nowMs);
      for (const { what, neighbour, piece } of steps) {
        nowMs += 50;
        if (what <= 2 && has[neighbour]?.has(piece) === false) {
          has[neighbour]?.add(piece);
          made.neighbourHas(neighbour, piece, nowMs);
        } else if (what <= 4) arrive(neighbour);
        else if (what === 5) {
          const [first] = out[neighbour] ?? [];
          if (first === undefined) continue;
          out[neighbour]?.delete(first);
          has[neighbour]?.delete(first);
          made.requestRejected(neighbour, first, nowMs);
        } else if (what === 6) {
          nowMs += piece * 100; // up to when some are late, and to when what is late is given up
          made.tick(nowMs);
        } else if (what === 7) {
          made.bytesArrived(neighbour, nowMs);
        } else {
          has[neighbour]?.clear();
          out[neighbour]?.clear();
          made.neighbourGone(neighbour, nowMs);
          made.neighbourAdded(neighbour, nowMs);
        }
        for (const [each, pieces] of out.entries()) {
          for (let at = 0; at < pieceCount; at += 1) assert.equal(made.isAsked(each, at), pieces.has(at));
        }
      }
      for (let neighbour = 0; neighbour < 4; neighbour += 1) {
        for (let piece = 0; piece < pieceCount; piece += 1) has[neighbour]?.add(piece);
        made.neighbourPieces(neighbour, PieceSet.full(pieceCount), nowMs);
      }
      for (let turn = 0; turn < 2000 && !made.isComplete; turn += 1) {
        nowMs += 100;
        made.tick(nowMs);
        arrive(turn % 4);
      }
      assert.ok(made.isComplete, 'the download never ended');
    }),
    { numRuns: 300 },
  );
});

test('With only some pieces needed nothing else is asked for, and those who give by their own choice are asked by number', () => {
  const { made, take } = scheduler({ pieceCount: 100, depth: 8 });
  made.setNeeds(
    { first: piecesOfRanges({ pieceCount: 100, pieceBytes: 10 }, [{ first: 955, last: 979 }]), rest: 'unwanted' },
    0,
  );
  made.neighbourAdded(0, 0);
  made.neighbourOffers(0, { credits: 8, isPassOver: false }, 0);

  made.neighbourPieces(0, PieceSet.full(100), 0);

  assert.deepEqual(take().toSorted(), ['request 0 95', 'request 0 96', 'request 0 97']);
});

test('With the rest wanted too, a piece that somebody waits for is asked by number of one who gives by its own choice', () => {
  const { made, take } = scheduler({ pieceCount: 100 });
  made.neighbourAdded(0, 0);
  made.neighbourOffers(0, { credits: 2, isPassOver: false }, 0);
  made.neighbourPieces(0, PieceSet.full(100), 0);
  assert.deepEqual(take(), ['any 0', 'any 0']);

  made.setNeeds(
    { first: piecesOfRanges({ pieceCount: 100, pieceBytes: 10 }, [{ first: 990, last: 5000 }]), rest: 'wanted' },
    1,
  );
  assert.deepEqual(take(), ['request 0 99']);
  made.pieceArrived(0, 99, 2);
  made.pieceVerified(99);

  assert.deepEqual(take(), []);
});

test('While the rest is wanted too, it gets some of the requests and what somebody waits for gets nearly all', () => {
  const first = piecesOfRanges({ pieceCount: 4000, pieceBytes: 1 }, [{ first: 2000, last: 3999 }]);
  const { made, take } = scheduler({ pieceCount: 4000, depth: 1000 });
  made.setNeeds({ first, rest: 'wanted' }, 0);

  withFull(made, 0, 4000);

  const firstCount = take().filter((line) => first.has(Number(line.split(' ')[2]))).length;
  assert.ok(firstCount >= 850 && firstCount < 1000, `${firstCount} of 1000`);
});

test('Whatever is needed and when, only that is asked for while it is not all, and all of it comes', () => {
  const ranges = fc.array(fc.record({ first: fc.nat(59), length: fc.integer({ min: 1, max: 20 }) }), { maxLength: 3 });
  const step = fc.record({ ranges, rest: fc.constantFrom('wanted' as const, 'unwanted' as const), turns: fc.nat(5) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), fc.nat(1000), (steps, seed) => {
      const pieceCount = 60;
      const out = [new Set<number>(), new Set<number>()];
      const held = new Set<number>();
      let isNeeded = (_piece: number): boolean => true;
      let isPartial = false;
      const made = new PieceScheduler(
        {
          request: (neighbour, piece) => {
            assert.ok(isNeeded(piece), 'asked for a piece that is not needed');
            out[neighbour]?.add(piece);
          },
          requestAny: () => assert.ok(!isPartial, 'asked for any piece when some are not needed'),
          cancel: (neighbour, piece) => out[neighbour]?.delete(piece),
          stalled: () => undefined,
        },
        { pieceCount, depth: 3, random: seededRandom(seed) },
      );
      withFull(made, 0, pieceCount);
      withFull(made, 1, pieceCount);
      made.neighbourOffers(1, { credits: 1, isPassOver: true }, 0);
      let nowMs = 0;
      const arrive = (neighbour: number): void => {
        const [piece] = out[neighbour] ?? [];
        if (piece === undefined) return;
        out[neighbour]?.delete(piece);
        made.pieceArrived(neighbour, piece, nowMs);
        made.pieceVerified(piece);
        held.add(piece);
      };
      let needed = new PieceSet(pieceCount);
      for (const { ranges: wanted, rest, turns } of steps) {
        const byteRanges = wanted.map(({ first, length }) => ({ first, last: first + length - 1 }));
        needed = piecesOfRanges({ pieceCount, pieceBytes: 1 }, byteRanges);
        const only = needed;
        isNeeded = (piece) => rest === 'wanted' || only.has(piece);
        isPartial = rest === 'unwanted';
        made.setNeeds({ first: needed, rest }, nowMs);
        for (let turn = 0; turn < turns; turn += 1) arrive(turn % 2);
      }
      for (let turn = 0; turn < 400; turn += 1) {
        nowMs += 10;
        arrive(turn % 2);
        made.tick(nowMs);
      }
      for (let piece = needed.next(0); piece >= 0; piece = needed.next(piece + 1)) {
        assert.ok(held.has(piece), `piece ${piece} never came`);
      }
    }),
    { numRuns: 300 },
  );
});

test('What there is no room for is asked when there is, and of another neighbour each time', () => {
  let room = 0;
  const asked: number[] = [];
  const made = new PieceScheduler(
    {
      request: (neighbour) => asked.push(neighbour),
      requestAny: () => undefined,
      cancel: () => undefined,
      stalled: () => undefined,
    },
    { pieceCount: 100, depth: 8, random: seededRandom(1), mayAsk: () => room-- > 0 },
  );
  for (const neighbour of [0, 1, 2]) withFull(made, neighbour, 100);
  assert.deepEqual(asked, []);

  for (let turn = 0; turn < 6; turn += 1) {
    room = 1;
    made.roomAgain(turn);
  }

  assert.equal(asked.join(''), '120120');
});

test('Only pieces of its share are asked of a neighbour; when it changes, all but what is under way is taken back', () => {
  const { made, take } = scheduler({ pieceCount: 12, depth: 8 });
  made.neighbourAdded(0, 0);
  made.setShare(0, { of: 4, classes: [1] }, 0);
  made.neighbourPieces(0, PieceSet.full(12), 0);
  const [underWay, ...rest] = take().map((said) => Number(said.split(' ')[2]));
  assert.deepEqual(
    [underWay, ...rest].toSorted((one = 0, other = 0) => one - other),
    [1, 5, 9],
  );

  made.setShare(0, { of: 4, classes: [2] }, 1);

  const after = [...rest.map((piece) => `cancel 0 ${piece}`), 'request 0 10', 'request 0 2', 'request 0 6'];
  assert.deepEqual(take().toSorted(), after.toSorted());
  assert.ok(underWay !== undefined && made.isAsked(0, underWay));
});

test('Whatever a neighbour announces and whatever its share becomes, nothing outside of it is asked for', () => {
  const event = fc.oneof(
    fc.record({ type: fc.constant('share' as const), classes: fc.uniqueArray(fc.nat(4)) }),
    fc.record({ type: fc.constant('all' as const) }),
    fc.record({ type: fc.constant('has' as const), piece: fc.nat(39) }),
    fc.record({ type: fc.constant('reject' as const), piece: fc.nat(39) }),
    fc.record({ type: fc.constant('arrive' as const), piece: fc.nat(39) }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), (events) => {
      const { made, take } = scheduler({ pieceCount: 40, depth: 4 });
      made.neighbourAdded(0, 0);
      const announced = new Set<number>();
      let classes: readonly number[] | undefined;
      for (const [nowMs, each] of events.entries()) {
        if (each.type === 'share') {
          classes = each.classes;
          made.setShare(0, { of: 5, classes }, nowMs);
        } else if (each.type === 'all') {
          classes = undefined;
          made.setShare(0, undefined, nowMs);
        } else if (each.type === 'has') {
          announced.add(each.piece);
          made.neighbourHas(0, each.piece, nowMs);
        } else if (made.isAsked(0, each.piece)) {
          announced.delete(each.piece);
          if (each.type === 'reject') made.requestRejected(0, each.piece, nowMs);
          else made.pieceArrived(0, each.piece, nowMs);
        }
        for (const said of take()) {
          const [what, , piece] = said.split(' ');
          if (what !== 'request') continue;
          assert.ok(each.type === 'arrive' || announced.has(Number(piece)), said);
          assert.ok(classes === undefined || classes.includes(Number(piece) % 5), said);
        }
        let foreignCount = 0;
        for (let piece = 0; piece < 40; piece += 1) {
          if (made.isAsked(0, piece) && classes?.includes(piece % 5) === false) foreignCount += 1;
        }
        assert.ok(foreignCount <= 1, 'one piece that is under way is left');
      }
    }),
  );
});
