import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClassLag } from '../../../node/swarm/scheduler/class-lag.ts';
import { ZoneShares } from '../../../node/swarm/scheduler/zone-shares.ts';
import { NO_SHARE, type PieceShare } from '../../../shared/pieces/piece-share.ts';

const share = { of: 4, classes: [1, 3] };
const calm = { isPartial: false, silentMs: 0, hasMore: () => true };

function openShares(pieceCount = 64) {
  const limits = new Map<number, PieceShare | undefined>();
  const told: Array<readonly number[]> = [];
  const shares = new ZoneShares(
    { setShare: (id, limit) => limits.set(id, limit), lagging: (classes) => told.push(classes) },
    { pieceCount },
  );
  return { shares, limits, told };
}

test('Of a neighbour in another zone only its share may be asked, and nothing of one that was not named', () => {
  const { shares, limits } = openShares();

  shares.neighbourAdded(1, { share });
  shares.neighbourAdded(2, undefined);
  shares.neighbourAdded(3, {});

  assert.deepEqual(
    [...limits],
    [
      [1, share],
      [2, NO_SHARE],
    ],
  ); // 3 was named by a peer: everything, as at first
});

test('A share that changes or is taken back counts at once', () => {
  const { shares, limits } = openShares();
  shares.neighbourAdded(1, { share });

  shares.named(1, { share: { of: 4, classes: [2] } });
  assert.deepEqual(limits.get(1), { of: 4, classes: [2] });
  shares.named(1, undefined);
  assert.deepEqual(limits.get(1), NO_SHARE);
});

test('When nothing is heard for long and others have what is missing, the limits are lifted until new shares come', () => {
  const { shares, limits } = openShares();
  shares.neighbourAdded(1, { share });

  shares.tick({ ...calm, silentMs: 60_000, hasMore: () => false }, 0);
  assert.deepEqual(limits.get(1), share);
  shares.tick({ ...calm, silentMs: 15_000 }, 1);
  assert.equal(limits.get(1), undefined);
  shares.tick(calm, 2);
  assert.equal(limits.get(1), undefined, 'what is asked for now is not taken back');

  shares.named(1, { share: { of: 4, classes: [0] } });
  assert.deepEqual(limits.get(1), { of: 4, classes: [0] });
});

test('Who needs only some pieces is not bound to its share, since other gateways may not want them', () => {
  const { shares, limits } = openShares();
  shares.neighbourAdded(1, { share });

  shares.tick({ ...calm, isPartial: true }, 0);
  assert.equal(limits.get(1), undefined);
  shares.tick(calm, 1);
  assert.deepEqual(limits.get(1), share);
});

test('A class that stays behind the others is told, again and again until it comes', () => {
  const { shares, told } = openShares();
  for (let piece = 0; piece < 32; piece += 1) if (piece % 4 !== 2) shares.pieceHere(piece);
  shares.neighbourAdded(1, { share });

  for (let nowMs = 0; nowMs <= 11_000; nowMs += 100) shares.tick(calm, nowMs);
  assert.deepEqual(told, [[2], [2]]);

  for (let piece = 2; piece < 64; piece += 4) shares.pieceHere(piece);
  for (let nowMs = 11_100; nowMs <= 30_000; nowMs += 100) shares.tick(calm, nowMs);
  assert.equal(told.length, 2);
});

test('Classes that are all late are no reason to complain, however late', () => {
  const lag = new ClassLag({ pieceCount: 1000, of: 32 });
  for (let nowMs = 0; nowMs < 3_600_000; nowMs += 1000) assert.deepEqual(lag.look(nowMs), []);
});

test('Over a link so thin that pieces come seconds apart a class may be behind for that long', () => {
  const lag = new ClassLag({ pieceCount: 64, of: 32 });
  let nowMs = 0;
  const lookUntil = (endMs: number): readonly number[] => {
    const found: number[] = [];
    for (; nowMs <= endMs; nowMs += 1000) found.push(...lag.look(nowMs));
    return found;
  };

  // Each class takes 20 to 40 s for its piece, one after the other.
  for (let piece = 0; piece < 32; piece += 1) {
    assert.deepEqual(lookUntil(20_000 + piece * 600), []);
    lag.has(piece);
  }
});

test('A class at a quarter of the pace of the others is told, one at three quarters is not', () => {
  const lag = new ClassLag({ pieceCount: 3200, of: 32 });
  const told = new Set<number>();
  const counts = Array.from({ length: 32 }, () => 0);
  for (let nowMs = 0; nowMs < 60_000; nowMs += 1000) {
    for (let at = 0; at < 32; at += 1) {
      const pace =
        new Map([
          [5, 0.25],
          [6, 0.75],
        ]).get(at) ?? 1;
      const wanted = Math.floor((nowMs / 1000) * pace);
      for (; (counts[at] ?? 0) < wanted; counts[at] = (counts[at] ?? 0) + 1) lag.has(at + 32 * (counts[at] ?? 0));
    }
    for (const at of lag.look(nowMs)) told.add(at);
  }

  assert.deepEqual([...told], [5]);
});
