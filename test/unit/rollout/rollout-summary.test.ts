import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostProgress } from '../../../coordinator/rollout/asked-images.ts';
import { stateOf, summarizeRollout, type RolloutHost } from '../../../coordinator/rollout/rollout-summary.ts';

function host(progress: Partial<HostProgress>, rest: Partial<RolloutHost> = {}): RolloutHost {
  const known = {
    askedMs: 0,
    activeMs: 0,
    gainedMs: undefined,
    blobCount: 4,
    heldCount: 0,
    heldBytes: 0,
    openCount: 0,
  };
  return {
    nodeId: 'h',
    isConnected: true,
    sizeBytes: 400,
    running: undefined,
    ...rest,
    progress: { ...known, ...progress },
  };
}

test('A host goes from asked over pulling to done', () => {
  assert.equal(stateOf(host({}), 1000), 'asked');
  assert.equal(stateOf(host({ openCount: 1, activeMs: 500 }), 1000), 'pulling');
  assert.equal(stateOf(host({ heldCount: 2, gainedMs: 900, activeMs: 900 }), 1000), 'pulling');
  assert.equal(stateOf(host({ heldCount: 4, gainedMs: 950, activeMs: 950 }), 1000), 'done');
});

test('A host that has all that it asked for is done when it asks for no more: its client had the rest', () => {
  const progress = { heldCount: 2, heldBytes: 200, gainedMs: 900, activeMs: 900 };

  assert.equal(stateOf(host(progress), 3800), 'pulling');
  assert.equal(stateOf(host(progress), 4000), 'done');
  assert.equal(stateOf(host({ ...progress, openCount: 1 }), 4000), 'pulling');
});

test('A host where nothing moves for a minute has stopped, unless it says that it downloads', () => {
  const progress = { openCount: 1, activeMs: 1000 };

  assert.equal(stateOf(host(progress), 60_000), 'pulling');
  assert.equal(stateOf(host(progress), 61_000), 'stopped');
  assert.equal(stateOf(host(progress, { running: { doneBytes: 1, peers: 0 } }), 61_000), 'pulling');
});

test('Who only looked, or holds some without having asked, is not waited for', () => {
  assert.equal(stateOf(host({}), 60_000), 'idle');
  assert.equal(stateOf(host({ blobCount: 0 }), 60_000), 'idle');
  assert.equal(stateOf(host({ askedMs: undefined, heldCount: 2 }), 1), 'idle');
  assert.equal(stateOf(host({ askedMs: undefined, heldCount: 4 }), 1), 'done');
});

test('Ten thousand hosts become a few numbers and the slowest of them', () => {
  const hosts = Array.from({ length: 10_000 }, (_, index) => {
    const isDone = index >= 1000;
    const heldCount = isDone ? 4 : index % 4;
    const gainedMs = isDone ? index : 500;
    const progress = { heldCount, heldBytes: heldCount * 100, gainedMs, activeMs: 11_000, openCount: isDone ? 0 : 1 };
    return host(progress, { nodeId: `h${String(index).padStart(5, '0')}` });
  });

  const summary = summarizeRollout(hosts, { nowMs: 12_000, slowest: 5 });

  assert.deepEqual(summary.hosts, { asked: 0, pulling: 1000, done: 9000, stopped: 0, idle: 0 });
  assert.deepEqual(summary.progress, [250, 0, 250, 0, 0, 250, 0, 250, 0, 0]);
  assert.deepEqual(
    summary.slowest.map(({ nodeId }) => nodeId),
    ['h00000', 'h00004', 'h00008', 'h00012', 'h00016'],
  );
  assert.equal(summary.sizeBytes, 4_000_000);
  assert.equal(summary.doneBytes, 9000 * 400 + 250 * (100 + 200 + 300));
  assert.deepEqual(summary.doneTimes, { hosts: 9000, p50Ms: 5499, p90Ms: 9099, p99Ms: 9909, maxMs: 9999 });
  assert.equal(summary.runningMs, 12_000);
});

test('Pieces on the way count, but never for more than the image', () => {
  const progress = { heldCount: 3, heldBytes: 350, gainedMs: 1, openCount: 1 };
  const { slowest } = summarizeRollout([host(progress, { running: { doneBytes: 100, peers: 3 } })], {
    nowMs: 10,
    slowest: 1,
  });

  assert.deepEqual([slowest[0]?.doneBytes, slowest[0]?.peers, slowest[0]?.tookMs], [400, 3, 10]);
});
