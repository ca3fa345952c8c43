// Which host a blob is read from, and what a wrong piece says about it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SourceChoice } from '../../../node/upstream/source-choice.ts';
import type { Peer } from '../../../shared/protocol/peer-shape.ts';

function peer(nodeId: string): Peer {
  return { nodeId, address: 'nowhere:1', isOrigin: false };
}

function readingFrom(nodeId: string): SourceChoice {
  const sources = new SourceChoice(0);
  sources.named(peer(nodeId));
  sources.opened();
  return sources;
}

test('Who sends a wrong piece is left for it, and named as lost until the coordinator has heard of it', () => {
  const sources = readingFrom('one');

  const { liar, isHopeless } = sources.wrongPiece({ pieceIndex: 3, isReader: true });

  assert.deepEqual([liar?.nodeId, isHopeless, sources.isWrong], ['one', false, true]);
  assert.deepEqual([sources.current, sources.lostId], [undefined, 'one']);
  sources.lossTold('another');
  assert.equal(sources.lostId, 'one');
  sources.lossTold('one');
  assert.equal(sources.lostId, undefined);
});

test('Who gave a piece is to blame for it, also when another is named before it was compared', () => {
  const sources = readingFrom('one');
  sources.named(peer('two'));

  assert.equal(sources.wrongPiece({ pieceIndex: 0, isReader: true }).liar?.nodeId, 'one');
  assert.equal(sources.current?.nodeId, 'two');
});

test('Nobody is blamed for a piece of which two hosts gave parts, and each is for the next one', () => {
  const sources = readingFrom('one');
  sources.lose('one');
  sources.steppedBack(4);
  sources.named(peer('two'));
  sources.opened();

  assert.deepEqual(sources.wrongPiece({ pieceIndex: 4, isReader: true }), { liar: undefined, isHopeless: false });
  sources.steppedBack(4);
  assert.equal(sources.wrongPiece({ pieceIndex: 4, isReader: true }).liar?.nodeId, 'two');
});

test('Three hosts with wrong pieces, or one wrong piece of the upstream itself, end the fetch', () => {
  const sources = new SourceChoice(0);
  const verdicts = ['one', 'two', 'three'].map((nodeId) => {
    sources.named(peer(nodeId));
    sources.opened();
    const { isHopeless } = sources.wrongPiece({ pieceIndex: 0, isReader: true });
    sources.steppedBack(0);
    return isHopeless;
  });

  assert.deepEqual(verdicts, [false, false, true]);
  assert.deepEqual(readingFrom('one').wrongPiece({ pieceIndex: 0, isReader: false }), {
    liar: undefined,
    isHopeless: true,
  });
});

test('A source that gives nothing is left, and after a minute and the time of a piece on a slow line the fetch is stuck', () => {
  const sources = readingFrom('one');
  const state = { cameBytes: 0, knownBytes: 131_072, pieceBytes: 131_072 };

  assert.deepEqual(sources.look(state, 0), { slow: undefined, isStuck: false });
  assert.equal(sources.look(state, 5000).slow?.nodeId, 'one');
  assert.equal(sources.current, undefined);
  assert.deepEqual(sources.look(state, 62_000), { slow: undefined, isStuck: false });
  assert.equal(sources.look(state, 62_001).isStuck, true);
});
