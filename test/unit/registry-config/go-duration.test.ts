import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseGoDuration } from '../../../node/registry-config/go-duration.ts';

test('Durations are read as Go writes them', () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ['0', 0],
    ['10s', 10_000],
    ['168h', 604_800_000],
    ['1h15m30.918273645s', 4_530_919],
    ['300ms', 300],
    ['1500us', 2],
    ['5000000000', 5000],
    ['.5s', 500],
    ['+1m', 60_000],
    ['', undefined],
    ['-1s', undefined],
    ['10', 1],
    ['1 s', undefined],
    ['10x', undefined],
    ['s', undefined],
    ['99999999999999h9999999999999h', undefined],
  ];

  for (const [text, expected] of cases) assert.equal(parseGoDuration(text), expected, text);
});

test('Any text is a number of whole milliseconds or no duration', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9.hmsnuµ+]{0,20}$/)), (text) => {
      const ms = parseGoDuration(text);
      assert.ok(ms === undefined || (Number.isSafeInteger(ms) && ms >= 0));
    }),
  );
});
