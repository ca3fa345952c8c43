import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Foreteller, type ExpectedPiece } from '../../../node/swarm/foreteller.ts';
import { ArrivalForecast } from '../../../node/swarm/scheduler/arrival-forecast.ts';

const PIECE_BYTES = 1000;
const LEAD_MS = 40;

function foreteller() {
  const said: string[] = [];
  const made = new Foreteller({
    foretold: (piece) => said.push(`foretold ${piece}`),
    retracted: (piece) => said.push(`retracted ${piece}`),
  });
  made.measured([LEAD_MS]);
  return { made, take: () => said.splice(0) };
}

function pieceOnItsWay(pieceIndex: number): ExpectedPiece {
  return { pieceIndex, forecast: new ArrivalForecast(PIECE_BYTES), wasForetold: false };
}

test('A piece whose last byte is here is foretold once, and nothing more is said when its hash holds', () => {
  const { made, take } = foreteller();

  made.came(pieceOnItsWay(3), PIECE_BYTES, 10);
  made.verified(3);
  made.look(10_000);
  made.gone(3);

  assert.deepEqual(take(), ['foretold 3']);
});

test('The word on a piece that trickles, or waits for its check, is taken back, and not given again while it trickles', () => {
  const { made, take } = foreteller();
  const trickling = pieceOnItsWay(1);
  for (let part = 0; part < 5; part += 1) made.came(trickling, 100, 30 + 5 * part);
  made.came(pieceOnItsWay(2), PIECE_BYTES, 50);
  assert.deepEqual(take(), ['foretold 1', 'foretold 2']);

  for (let nowMs = 60; nowMs <= 240; nowMs += 10) {
    made.came(trickling, 1, nowMs);
    made.look(nowMs);
  }
  assert.deepEqual(take(), []);
  made.came(trickling, 1, 260);
  made.look(260);
  assert.deepEqual(take(), ['retracted 1', 'retracted 2']);
  made.came(trickling, 1, 270);
  made.look(1000);

  assert.deepEqual(take(), []);
});

test('A piece that two send is foretold once, and again when it is asked for anew', () => {
  const { made, take } = foreteller();

  made.came(pieceOnItsWay(5), PIECE_BYTES, 10);
  made.came(pieceOnItsWay(5), PIECE_BYTES, 11);
  made.gone(5);
  made.gone(5);
  made.came(pieceOnItsWay(5), PIECE_BYTES, 12);

  assert.deepEqual(take(), ['foretold 5', 'retracted 5', 'foretold 5']);
});

test('Whatever comes and goes, each word is taken back, or comes true, within four tenths of a second', () => {
  const step = fc.record({ what: fc.nat(3), piece: fc.nat(4), bytes: fc.integer({ min: 1, max: 400 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const toldMs = new Map<number, number>();
      let nowMs = 0;
      const made = new Foreteller({
        foretold: (piece) => {
          assert.ok(!toldMs.has(piece), 'foretold twice');
          toldMs.set(piece, nowMs);
        },
        retracted: (piece) => assert.ok(toldMs.delete(piece), 'taken back without having been said'),
      });
      made.measured([250, 180]);
      const coming = new Map<number, ExpectedPiece>();
      for (const [at, { what, piece, bytes }] of steps.entries()) {
        nowMs += 10;
        const known = coming.get(piece) ?? pieceOnItsWay(piece);
        if (what <= 1) {
          coming.set(piece, known);
          made.came(known, bytes, nowMs);
        } else if (coming.delete(piece)) {
          if (what === 2) {
            made.verified(piece);
            toldMs.delete(piece);
          } else made.gone(piece);
        }
        if (at % 10 === 9) made.look(nowMs);
        for (const ms of toldMs.values()) assert.ok(nowMs - ms <= 400, 'who asked waits too long');
      }
    }),
  );
});
