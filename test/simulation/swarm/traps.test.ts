// Ways of sharing that look good and cost much, and mistakes of which nothing else would tell: twelve that simulation found, each
// with the test that fails for who walks into it. What was measured of them stands in ARCHITECTURE.md.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { summaryOf } from '../../../scripts/simulation/fleet-summary.ts';
import { MESH_MEMBERS } from '../../../coordinator/directory/member-links.ts';
import { HOLDERS_PER_MEMBER, MEMBERS_PER_HOLDER } from '../../../coordinator/directory/zone-swarm.ts';
import { FELLOWS, MOST_FELLOWS } from '../../../coordinator/directory/spare-links.ts';
import { PeerUploader, type UploadConnection } from '../../../node/swarm/peer-uploader.ts';
import { READ_BYTES, ReadBuffers } from '../../../node/swarm/read-buffers.ts';
import { ClassLag } from '../../../node/swarm/scheduler/class-lag.ts';
import { PieceSet } from '../../../node/swarm/scheduler/piece-set.ts';
import { pipelineDepth } from '../../../node/swarm/scheduler/pipeline-depth.ts';
import { UploadQueue } from '../../../node/swarm/scheduler/upload-queue.ts';
import { TransferLimiter } from '../../../node/swarm/transfer-limiter.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { check, GIGABIT, pull, seed } from '../../support/simulated-pull.ts';
import { ToldFleet } from '../../support/told-fleet.ts';

/**
 * Neighbours that each wait for one piece of a host. @param takes whether the neighbour with this number takes anything.
 * @returns those to whom something is being sent, which lasts for ever.
 */
function uploads(count: number, takes: (neighbour: number) => boolean) {
  const clock = new FakeClock();
  const limiter = new TransferLimiter({ clock }, { allBytesPerSecond: Infinity, farBytesPerSecond: Infinity });
  const buffers = new ReadBuffers();
  const sending: number[] = [];
  const blob = { has: PieceSet.full(1), pieceLength: () => READ_BYTES, readFully: () => Promise.resolve() };
  const digest = digestOf(Buffer.from('a layer'));
  const channel = { digest, cut: { pieceBytes: READ_BYTES }, localNumber: 0, isClosed: false, blob };
  const nothing = (): void => undefined;
  for (let neighbour = 0; neighbour < count; neighbour += 1) {
    const connection: UploadConnection = {
      ...{ peerId: `node-${neighbour}`, isToOtherZone: false, partBytes: READ_BYTES },
      ...{ unreserve: nothing, send: nothing, close: nothing },
      reserve: () => (takes(neighbour) ? Promise.resolve(true) : new Promise<boolean>(nothing)),
      sendData: () => void sending.push(neighbour),
    };
    const uploader = new PeerUploader({
      ...{ connection, clock, log: silentLogger, buffers, limiter, sent: nothing },
      channel: () => channel,
      creditServed: nothing,
    });
    uploader.add({ channel: 0, pieceIndex: 0, isByCredit: true });
  }
  return sending;
}

test('Trap 1: every neighbour is given a piece at once, however many there are and whoever takes nothing', async () => {
  const sending = uploads(60, (neighbour) => neighbour % 2 === 1);

  await setImmediate();

  const odd = Array.from({ length: 30 }, (_, at) => 2 * at + 1);
  assert.deepEqual(sending, odd);
});

test('Trap 2: what a neighbour asked for is given in the order it asked, whatever is rare and whoever is poor', () => {
  const asked = fc.uniqueArray(fc.nat(1000), { minLength: 1, maxLength: 100 });
  fc.assert(
    fc.property(asked, (pieces) => {
      const queue = new UploadQueue();
      for (const pieceIndex of pieces) queue.add({ channel: pieceIndex % 3, pieceIndex, isByCredit: false });

      const given = pieces.map(() => queue.take()?.pieceIndex);

      assert.deepEqual(given, pieces);
    }),
  );
});

test('Trap 3: a silence that hits all classes of pieces alike is repaired by nobody, however long; one class that lags is', () => {
  const lag = new ClassLag({ pieceCount: 1000, of: 4 });
  const look = (fromMs: number, toMs: number): number[] => {
    const found: number[] = [];
    for (let nowMs = fromMs; nowMs < toMs; nowMs += 1000) found.push(...lag.look(nowMs));
    return found;
  };

  assert.deepEqual(look(0, 60_000), [], 'silent at the start');
  for (let piece = 0; piece < 100; piece += 1) lag.has(piece);
  assert.deepEqual(look(60_000, 120_000), [], 'silent in the middle');
  for (let piece = 100; piece < 500; piece += 1) if (piece % 4 !== 1) lag.has(piece);

  assert.deepEqual([...new Set(look(120_000, 140_000))], [1]);
});

test('Trap 4: the only copy of a piece dies with its host, unnoticed for a while, and comes from the origin again', () => {
  const deaths = [1, 2, 3, 4, 5].map((host) => ({ host, atMs: 700, noticedMs: 4000 }));

  const outcome = pull({ hosts: 60, layers: [200e6], rate: GIGABIT, deaths }, (host) => host > 5);

  check(outcome, { maxRatio: 1.5, copies: 1.35 });
});

test('Trap 5: slow receivers are not made slower by time-outs: they end near the time of one copy over their own link', () => {
  const slow = { hosts: 3, share: 0.1 };

  const outcome = pull({ hosts: 40, layers: [100e6], rate: GIGABIT, slow }, (host) => host <= 3);

  assert.equal(outcome.missing, 0, `seed ${seed}`);
  assert.ok(outcome.maxRatio < 11.5, `seed ${seed}: ${outcome.maxRatio}`);
});

for (const [what, areDeclared, maxRatio] of [
  ['which nobody knows of', false, 1.15],
  ['which say so', true, 1.13],
] as const) {
  test(`Trap 6: hosts at a tenth of the rate, ${what}, do not hold up what the origin alone has: ${maxRatio} of the bound`, () => {
    const options = { hosts: 100, layers: [200e6], rate: GIGABIT, slow: { hosts: 5, share: 0.1, areDeclared } };

    check(
      pull(options, (host) => host > 5),
      { maxRatio, copies: 1.25 },
    );
  });
}

test('Trap 7: nobody gets more others to serve than the rest, however many members come and in whatever number', () => {
  for (let members = 2; members <= 90; members += 1) {
    const fleet = new ToldFleet(members);
    fleet.add('origin', { isOrigin: true });
    fleet.hold('origin');
    const names = Array.from({ length: members }, (_, at) => `node-${at}`);
    for (const name of names) fleet.add(name);
    for (const name of names) fleet.join(name);

    let atOrigin = 0;
    for (const [name, view] of fleet.views) {
      const fellows = view.size - (view.has('origin') ? 1 : 0);
      if (view.has('origin')) atOrigin += 1;
      const facts = `${name} of ${members}: ${fellows} fellows`;
      assert.ok(view.size - fellows <= HOLDERS_PER_MEMBER, facts);
      if (members <= MESH_MEMBERS) assert.equal(fellows, members - 1, facts);
      else assert.ok(fellows >= FELLOWS - 2 && fellows <= MOST_FELLOWS, facts);
    }
    assert.equal(atOrigin, Math.min(members, MEMBERS_PER_HOLDER));
  }
});

test('Trap 8: over a thin link between zones each piece crosses once: one copy, and not one for each host that asks', () => {
  const zones = { count: 2, rate: GIGABIT / 5, latencyMs: 0.5 };

  const { result, maxRatio } = pull({ hosts: 32, layers: [100e6], rate: GIGABIT, zones });

  assert.deepEqual(result.copiesInto, [0, 1], `seed ${seed}`);
  assert.ok(maxRatio <= 1.15, `seed ${seed}: ${maxRatio}`);
});

test('Trap 9: pipelines are as deep as bytes on the way demand, so that small pieces do not leave a fast link idle', () => {
  const rate = 10 * GIGABIT;

  check(pull({ hosts: 32, layers: [100e6], rate, pieceBytes: 64 * 1024 }), { maxRatio: 1.25, copies: 1.3 });
});

test('Trap 9: in whatever pieces, eight neighbours keep twice the bytes on the way that a link holds, up to eight pieces each', () => {
  const link = fc.record({
    bytesPerSecond: fc.integer({ min: 1e5, max: 1e10 }),
    roundTripMs: fc.double({ min: 1, max: 300, noNaN: true }),
    pieceBytes: fc.constantFrom(16, 64, 128, 1024, 4096).map((kib) => kib * 1024),
  });
  fc.assert(
    fc.property(link, (of) => {
      const depth = pipelineDepth({ ...of, neighbours: 8 });
      const heldBytes = (of.bytesPerSecond * of.roundTripMs) / 1000;

      assert.ok(depth === 8 || depth * 8 * of.pieceBytes >= 2 * heldBytes, `depth ${depth}`);
      assert.ok(depth === 2 || (depth - 1) * 8 * of.pieceBytes < 2 * heldBytes, `depth ${depth} is more than needed`);
    }),
  );
});

test('Trap 10: a piece costs a host few bytes besides its own: what neighbours have is not told, and the rest in few frames', () => {
  const pieceBytes = 256 * 1024;
  const layers = [200e6];

  const { result } = pull({ hosts: 60, layers, rate: 10 * GIGABIT, pieceBytes });

  const perPiece = result.controlBytesPerHost / (200e6 / pieceBytes);
  assert.ok(perPiece <= 150, `seed ${seed}: ${perPiece.toFixed(0)} bytes per piece`);
});

test('Trap 11: an origin with five times the uplink of the others sends little more than a copy, not what it could', () => {
  const outcome = pull({ hosts: 60, layers: [200e6], rate: GIGABIT, originUplink: 5 * GIGABIT });

  check(outcome, { maxRatio: 1.12, copies: 1.3 });
});

test('Trap 12: hosts at full rate are judged by one copy over their own link, slow ones by one over theirs', () => {
  const hosts = 20;
  const scenario = {
    ...{ hosts, layers: [100e6], seed, rate: GIGABIT, latencyMs: 0, verifyMsPerMib: 0 },
    slow: { hosts: 2, share: 0.1 },
  };
  const finishedMs = [0, 8000, 8800, ...Array.from({ length: 18 }, () => 880)];
  const nothing = {
    originCopies: 1,
    copiesInto: [0],
    wasteShare: 0,
    controlBytesPerHost: 0,
    maxLoad: 1,
    eventCount: 1,
  };

  const { p50Ratio, maxRatio, slowMaxRatio } = summaryOf(scenario, { finishedMs, ...nothing });

  // 800 ms by the links; 20 hosts share the uplinks of an origin and of 18.2 others, which takes the 18 no longer.
  assert.deepEqual({ p50Ratio, maxRatio, slowMaxRatio }, { p50Ratio: 1.1, maxRatio: 1.1, slowMaxRatio: 1.1 });
});
