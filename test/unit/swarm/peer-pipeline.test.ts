import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PeerPipeline } from '../../../node/swarm/scheduler/peer-pipeline.ts';
import { PieceScheduler } from '../../../node/swarm/scheduler/piece-scheduler.ts';
import { PieceSet } from '../../../node/swarm/scheduler/piece-set.ts';
import { seededRandom } from '../../../scripts/simulation/core/seeded-random.ts';

const PIECES = 30;
const DEPTH = 2;

/** Downloads of several blobs from one peer; `out` holds what each has asked for. */
function downloads(blobs: number, seed = 1) {
  const pipeline = new PeerPipeline();
  const out = Array.from({ length: blobs }, () => new Set<number>());
  const schedulers = out.map((asked) => {
    const actions = {
      request: (_: number, piece: number) => void asked.add(piece),
      requestAny: () => assert.fail('nobody offers'),
      cancel: (_: number, piece: number) => void asked.delete(piece),
      stalled: () => undefined,
    };
    return new PieceScheduler(actions, { pieceCount: PIECES, depth: DEPTH, random: seededRandom(seed) });
  });
  for (const scheduler of schedulers) scheduler.neighbourAdded(0, 0, pipeline);
  return { pipeline, out, schedulers };
}

test('Two blobs ask a peer for as much as one would', () => {
  const { out, schedulers } = downloads(2);

  for (const scheduler of schedulers) scheduler.neighbourPieces(0, PieceSet.full(PIECES), 0);

  assert.deepEqual(
    out.map((asked) => asked.size),
    [2, 1],
  );
});

test('A blob that has nothing to ask for leaves the room to the other', () => {
  const { out, schedulers } = downloads(2);
  const [one, other] = schedulers;
  const little = new PieceSet(PIECES);
  for (const piece of [3, 4]) little.add(piece);
  one?.neighbourPieces(0, little, 0);
  other?.neighbourPieces(0, PieceSet.full(PIECES), 0);
  assert.equal(out[1]?.size, 1);

  out[0]?.delete(3);
  one?.pieceArrived(0, 3, 10);

  assert.deepEqual([out[0]?.size, out[1]?.size], [1, 1]);

  out[0]?.delete(4);
  one?.pieceArrived(0, 4, 20);

  assert.deepEqual([out[0]?.size, out[1]?.size], [0, 2]);
});

test('Whatever happens, a peer is asked for a pipeline of pieces and one of each further blob at most, and the count holds', () => {
  const step = fc.record({ what: fc.nat(5), blob: fc.nat(2), piece: fc.nat(PIECES - 1) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.nat(1000), (steps, seed) => {
      const { pipeline, out, schedulers } = downloads(3, seed);
      let nowMs = 0;
      for (const { what, blob, piece } of steps) {
        nowMs += 10;
        const scheduler = schedulers[blob];
        const asked = out[blob];
        const [first] = asked ?? [];
        if (what <= 2) scheduler?.neighbourHas(0, piece, nowMs);
        else if (what === 3 && first !== undefined) {
          asked?.delete(first);
          scheduler?.pieceArrived(0, first, nowMs);
          scheduler?.pieceVerified(first);
        } else if (what === 4 && first !== undefined) {
          asked?.delete(first);
          scheduler?.requestRejected(0, first, nowMs);
        } else if (what === 5) {
          asked?.clear();
          scheduler?.neighbourGone(0, nowMs);
          scheduler?.neighbourAdded(0, nowMs, pipeline);
        }
        const sum = out.reduce((total, each) => total + each.size, 0);
        assert.equal(pipeline.askedCount, sum);
        assert.ok(sum <= DEPTH + out.length - 1, `${sum} asked`);
      }
    }),
  );
});
