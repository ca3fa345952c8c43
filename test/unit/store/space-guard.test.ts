import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpaceGuard } from '../../../node/store/space-guard.ts';
import { FakeClock } from '../../support/fake-clock.ts';

test('Room is what the disk has, less the reserve, less what others were promised', async () => {
  const { guard } = openGuard({ free: 1000, reserveBytes: 100 });

  const first = await guard.reserve(600);
  await assert.rejects(guard.reserve(301), {
    code: 'not_enough_space',
    message: /store\.reserveBytes/,
    detail: { wantedBytes: 301, freeBytes: 300, reserveBytes: 100 },
  });
  first.release();
  first.release();

  assert.equal(await guard.freeBytes(), 900);
});

test('Bytes that were written count once, before and after the disk is asked again', async () => {
  const { guard, disk, clock } = openGuard({ free: 1000, reserveBytes: 0 });
  const reservation = await guard.reserve(600);

  await reservation.spend(500);
  assert.equal(await guard.freeBytes(), 400);
  disk.free = 500;
  await clock.advance(1_000);

  assert.equal(await guard.freeBytes(), 400);
  reservation.release();
  assert.equal(await guard.freeBytes(), 500);
});

test('A writer of unknown length takes what is free and is refused when there is none', async () => {
  const { guard } = openGuard({ free: 1000, reserveBytes: 0 });
  const other = await guard.reserve(500);
  const unknown = await guard.reserve(0);

  await unknown.spend(500);
  await assert.rejects(unknown.spend(1), { code: 'not_enough_space' });
  await other.spend(500);
});

test('The disk is asked once a second, however many ask', async () => {
  const { guard, disk, clock } = openGuard({ free: 1000, reserveBytes: 0 });

  await Promise.all([1, 2, 3].map(() => guard.freeBytes()));
  await guard.freeBytes();
  assert.equal(disk.asked, 1);
  await clock.advance(1_000);
  await guard.freeBytes();

  assert.equal(disk.asked, 2);
});

function openGuard(options: { readonly free: number; readonly reserveBytes: number }) {
  const clock = new FakeClock();
  const disk = { free: options.free, asked: 0 };
  const readFree = (): Promise<number> => {
    disk.asked += 1;
    return Promise.resolve(disk.free);
  };
  return { clock, disk, guard: new SpaceGuard({ clock, readFree }, { reserveBytes: options.reserveBytes }) };
}
