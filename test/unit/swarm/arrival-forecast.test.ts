import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ArrivalForecast, isOverdue, tellAtMs } from '../../../node/swarm/scheduler/arrival-forecast.ts';

test('A piece that comes at an even pace is told of a lead before its last byte, but not before a quarter of it is here', () => {
  fc.assert(
    fc.property(fc.integer({ min: 16, max: 200 }), fc.integer({ min: 4, max: 300 }), (parts, leadMs) => {
      const forecast = new ArrivalForecast(parts * 1000);
      let dueMs = -1;
      for (let atMs = 1; atMs <= parts && dueMs < 0; atMs += 1) {
        forecast.arrived(1000, atMs);
        if (forecast.isDue(leadMs)) dueMs = atMs;
      }
      const measuredMs = 1 + Math.ceil(leadMs / 4);
      const wantedMs = Math.max(parts - leadMs, Math.ceil(parts / 4), measuredMs);
      assert.equal(dueMs, leadMs < parts * 0.5 ? -1 : Math.min(parts, wantedMs));
    }),
  );
});

test('Where a round trip is short beside what a piece takes, a piece is told of when it is here', () => {
  assert.equal(tellAtMs({ firstMs: 100, endMs: 200 }, 49), Infinity);
  assert.equal(tellAtMs({ firstMs: 100, endMs: 200 }, 50), 150);
  assert.equal(tellAtMs({ firstMs: 100, endMs: 140 }, 60), 110);
});

test('Nothing is told of ahead while the way is not known to be long', () => {
  const forecast = new ArrivalForecast(1000);
  forecast.arrived(1000, 5);

  assert.equal(forecast.isDue(0), false);
});

test('What lay in one buffer says nothing of the pace', () => {
  const forecast = new ArrivalForecast(100_000);
  for (let part = 0; part < 60; part += 1) forecast.arrived(1000, 10 + part / 1000);

  assert.equal(forecast.isDue(40), false);
  forecast.arrived(40_000, 10.07);
  assert.equal(forecast.isDue(40), true, 'all of it is here');
});

test('A foretold piece that is not here after two leads, a fifth of a second and at most three tenths, is late', () => {
  assert.equal(isOverdue(500, 40, 700), false);
  assert.equal(isOverdue(500, 40, 701), true);
  assert.equal(isOverdue(500, 120, 740), false);
  assert.equal(isOverdue(500, 120, 741), true);
  assert.equal(isOverdue(500, 250, 800), false);
  assert.equal(isOverdue(500, 250, 801), true);
});
