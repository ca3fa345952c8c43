import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AskingRoom } from '../../../node/swarm/asking-room.ts';
import { BackgroundShare } from '../../../node/swarm/caps/background-share.ts';
import { TokenBucket } from '../../../node/swarm/caps/token-bucket.ts';
import { TransferLine, type Transfer } from '../../../node/swarm/caps/transfer-line.ts';
import { TransferLimiter } from '../../../node/swarm/transfer-limiter.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

test('Whatever is asked of a bucket and when, in any stretch of time no more passes than the rate allows, and one burst', () => {
  const step = fc.record({ afterMs: fc.nat(2000), bytes: fc.integer({ min: 1, max: 4 * MIB }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), fc.integer({ min: 128 * KIB, max: 1e9 }), (steps, rate) => {
      const bucket = new TokenBucket(rate, 0);
      const passed: Array<{ readonly atMs: number; readonly bytes: number }> = [];
      let nowMs = 0;
      for (const { afterMs, bytes } of steps) {
        nowMs += afterMs;
        if (!bucket.has(bytes, nowMs)) continue;
        bucket.take(bytes);
        passed.push({ atMs: nowMs, bytes });
      }
      for (const [from, first] of passed.entries()) {
        let sum = 0;
        for (const { atMs, bytes } of passed.slice(from)) {
          sum += bytes;
          const allowed = ((atMs - first.atMs) / 1000) * rate + bucket.burstBytes;
          assert.ok(sum <= allowed + 1, `${sum} bytes passed where ${allowed} may`);
        }
      }
    }),
    { numRuns: 200 },
  );
});

test('A bucket says exactly how long to wait', () => {
  const bucket = new TokenBucket(MIB, 0);
  bucket.take(4 * MIB);

  const waitMs = bucket.waitMs(MIB / 2, 0);

  assert.equal(waitMs, 500);
  assert.equal(bucket.has(MIB / 2, 499), false);
  assert.equal(bucket.has(MIB / 2, 500), true);
});

test('Everybody in line gets a turn, in the order of asking within near and far, and the caps hold', () => {
  const asking = fc.record({
    bytes: fc.integer({ min: 1, max: MIB }),
    isFar: fc.boolean(),
    priority: fc.constantFrom('client' as const, 'background' as const),
  });
  fc.assert(
    fc.property(fc.array(asking, { minLength: 1, maxLength: 60 }), (transfers) => {
      const rates = { allBytesPerSecond: 2 * MIB, farBytesPerSecond: 512 * KIB };
      const line = new TransferLine<Transfer & { readonly turn: number }>(rates, 0);
      transfers.forEach((transfer, turn) => line.add({ ...transfer, turn }));
      const passed: Array<Transfer & { readonly turn: number }> = [];
      let nowMs = 0;
      let farBytes = 0;
      for (let next = line.next(nowMs); next !== undefined; next = line.next(nowMs)) {
        if ('waitMs' in next) {
          assert.ok(next.waitMs > 0 && Number.isFinite(next.waitMs));
          nowMs += Math.ceil(next.waitMs);
          continue;
        }
        passed.push(next.entry);
        if (next.entry.isFar) farBytes += next.entry.bytes;
        assert.ok(farBytes <= (nowMs / 1000) * 512 * KIB + 4 * MIB + 1);
      }
      assert.equal(passed.length, transfers.length);
      for (const priority of ['client', 'background'] as const) {
        for (const isFar of [true, false]) {
          const turns = passed
            .filter((each) => each.priority === priority && each.isFar === isFar)
            .map(({ turn }) => turn);
          assert.ok(turns.every((turn, at) => at === 0 || turn > (turns[at - 1] ?? 0)));
        }
      }
    }),
    { numRuns: 200 },
  );
});

test('A large part towards another zone is not passed by small ones that came later', () => {
  const line = new TransferLine<Transfer & { readonly turn: number }>(
    { allBytesPerSecond: Infinity, farBytesPerSecond: 512 * KIB },
    0,
  );
  const far = { isFar: true, priority: 'client' } as const;
  for (const [turn, bytes] of [4 * MIB, MIB, 1, 1].entries()) line.add({ ...far, bytes, turn });

  const turns: number[] = [];
  let nowMs = 0;
  for (let next = line.next(nowMs); next !== undefined; next = line.next(nowMs)) {
    if ('waitMs' in next) nowMs += Math.ceil(next.waitMs);
    else turns.push(next.entry.turn);
  }

  assert.deepEqual(turns, [0, 1, 2, 3]);
});

test('Background work gets a tenth while clients wait, and all when none does', () => {
  const line = new TransferLine<Transfer>({ allBytesPerSecond: 10 * MIB, farBytesPerSecond: Infinity }, 0);
  const part = { bytes: 128 * KIB, isFar: false };
  for (let at = 0; at < 300; at += 1) {
    line.add({ ...part, priority: 'client' });
    line.add({ ...part, priority: 'background' });
  }

  const priorities = drain(line);

  const whileBothWait = priorities.slice(0, priorities.lastIndexOf('client') + 1);
  const share = whileBothWait.filter((priority) => priority === 'background').length / whileBothWait.length;
  assert.ok(share > 0.08 && share < 0.12, `background work got ${share}`);
  assert.equal(priorities.length, 600);
});

test('Peers that each ask for one part after the other take turns under a cap', async () => {
  const clock = new FakeClock();
  const limiter = new TransferLimiter({ clock }, { allBytesPerSecond: MIB, farBytesPerSecond: Infinity });
  const got = [0, 0, 0, 0];
  const stop = new AbortController();
  const peers = got.map(async (_, peer) => {
    const part = { bytes: 128 * KIB, isFar: false, priority: 'client' as const };
    while (await limiter.take(part, stop.signal)) got[peer] = (got[peer] ?? 0) + part.bytes;
  });

  await clock.advance(60_000);
  stop.abort();
  await Promise.all(peers);

  const all = got.reduce((sum, bytes) => sum + bytes, 0);
  assert.ok(all >= 60 * MIB && all <= 64 * MIB, `${all / MIB} MiB in a minute at 1 MiB/s`);
  assert.ok(Math.max(...got) - Math.min(...got) <= 5 * MIB, got.join(' '));
});

test('A cap that is lifted lets those who wait pass at once', async () => {
  const clock = new FakeClock();
  const limiter = new TransferLimiter({ clock }, { allBytesPerSecond: 128 * KIB, farBytesPerSecond: Infinity });
  const part = { bytes: 4 * MIB, isFar: false, priority: 'client' as const };
  assert.ok(limiter.pass(part));
  const waiting = limiter.take(part, new AbortController().signal);

  limiter.setRates({ allBytesPerSecond: Infinity, farBytesPerSecond: Infinity });

  assert.equal(await waiting, true);
  assert.equal(limiter.waitingCount, 0);
});

test('A download that is held back is called when it may ask, and gives a turn back that it cannot use', async () => {
  const clock = new FakeClock();
  const limiter = new TransferLimiter({ clock }, { allBytesPerSecond: MIB, farBytesPerSecond: Infinity });
  let asked = 0;
  const deps = { clock, limiter, share: new BackgroundShare(), priority: () => 'client' as const };
  const using: AskingRoom = new AskingRoom(
    { ...deps, roomAgain: () => void (using.mayAsk(false) && (asked += 1)) },
    { pieceBytes: MIB },
  );
  const idle = new AskingRoom({ ...deps, roomAgain: () => undefined }, { pieceBytes: MIB });
  while (idle.mayAsk(false)) asked += 0; // the burst
  assert.equal(using.mayAsk(false), false);

  await clock.advance(1500);

  assert.equal(asked, 1);
  assert.equal(idle.isHeldBack, false);
});

test('Background work asks for a ninth of what clients ask for, and freely when they are quiet', () => {
  const share = new BackgroundShare();
  let clientBytes = 0;
  let backgroundBytes = 0;
  assert.ok(share.mayAsk(MIB, 0));
  for (let nowMs = 1; nowMs <= 10_000; nowMs += 10) {
    share.clientAsked(MIB, nowMs);
    clientBytes += MIB;
    while (share.mayAsk(MIB, nowMs)) backgroundBytes += MIB;
  }

  const part = backgroundBytes / clientBytes;
  assert.ok(part > 0.105 && part <= 1 / 9 + 0.001, `${part}`);
  assert.ok(share.mayAsk(100 * MIB, 11_000));
});

function drain(line: TransferLine<Transfer>): Array<Transfer['priority']> {
  const passed: Array<Transfer['priority']> = [];
  let nowMs = 0;
  for (let next = line.next(nowMs); next !== undefined; next = line.next(nowMs)) {
    if ('waitMs' in next) nowMs += Math.ceil(next.waitMs);
    else passed.push(next.entry.priority);
  }
  return passed;
}
