// Whether the host that a blob is read from keeps up.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SourceWatch } from '../../../node/upstream/source-watch.ts';

const pieceBytes = 100;

test('A source is slow when a reader that is behind gets nothing, or less than a quarter of what the fetch grew by', () => {
  const cases = [
    { came: 0, known: 5000, isSlow: true },
    { came: 1000, known: 5000, isSlow: true },
    { came: 1250, known: 5000, isSlow: false },
    { came: 0, known: 0, isSlow: false },
    { came: 50, known: 200, isSlow: false },
  ];
  for (const { came, known, isSlow } of cases) {
    const watch = new SourceWatch(0);
    watch.look({ cameBytes: 0, knownBytes: 0, pieceBytes }, 0);

    assert.equal(watch.look({ cameBytes: came, knownBytes: known, pieceBytes }, 4999).isSlow, false, 'too early');
    assert.equal(watch.look({ cameBytes: came, knownBytes: known, pieceBytes }, 5000).isSlow, isSlow, String(came));
  }
});

test('A reader that comes late and catches up does not call its source slow', () => {
  const watch = new SourceWatch(0);
  watch.look({ cameBytes: 0, knownBytes: 1_000_000, pieceBytes }, 0);

  assert.equal(watch.look({ cameBytes: 20_000, knownBytes: 1_010_000, pieceBytes }, 5000).isSlow, false);
});

test('A reader leaves two sources that give little, since after that it is itself that can do no more; one that gives nothing always', () => {
  const watch = new SourceWatch(0);
  watch.look({ cameBytes: 0, knownBytes: 0, pieceBytes }, 0);
  const slow: boolean[] = [];
  for (let window = 1; window <= 4; window += 1)
    slow.push(watch.look({ cameBytes: window * 100, knownBytes: window * 5000, pieceBytes }, window * 5000).isSlow);

  assert.deepEqual(slow, [true, true, false, false]);
  assert.equal(watch.look({ cameBytes: 400, knownBytes: 20_000, pieceBytes }, 25_000).isSlow, true);
});

test('A pause of the fetch itself is not held against a source: who just fell behind is given a whole window', () => {
  const watch = new SourceWatch(0);
  for (let nowMs = 0; nowMs < 14_900; nowMs += 100)
    assert.equal(watch.look({ cameBytes: 1200, knownBytes: 1200, pieceBytes }, nowMs).isSlow, false);

  for (const nowMs of [14_900, 15_000, 19_700])
    assert.equal(watch.look({ cameBytes: 1200, knownBytes: 3000, pieceBytes }, nowMs).isSlow, false, String(nowMs));
  assert.equal(watch.look({ cameBytes: 1200, knownBytes: 3000, pieceBytes }, 19_800).isSlow, true);
});

test('How long nothing came is counted from the last byte', () => {
  const watch = new SourceWatch(0);
  watch.look({ cameBytes: 0, knownBytes: 0, pieceBytes }, 0);
  watch.look({ cameBytes: 10, knownBytes: 10, pieceBytes }, 6000);

  assert.equal(watch.look({ cameBytes: 10, knownBytes: 10, pieceBytes }, 9000).silentMs, 3000);
  assert.equal(watch.look({ cameBytes: 10, knownBytes: 10, pieceBytes }, 60_000).silentMs, 54_000);
});
