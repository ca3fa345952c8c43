import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LookAround } from '../../../node/swarm/hyperswarm/look-around.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeLink } from '../../support/fake-link.ts';

/** A node that looks around in a DHT of the test's making. */
function looking(options: { readonly isConnected: boolean; readonly keys?: readonly string[] }) {
  const clock = new FakeClock();
  const link = new FakeLink({});
  link.isConnected = options.isConnected;
  const seen = { refreshes: [] as number[], met: [] as string[], lookups: 0 };
  const failing = new Set<string>();
  const lookAround = LookAround.start({
    clock,
    log: silentLogger,
    random: () => 0,
    link,
    isKnownKey: (key) => key === 'known',
    onRefreshed: () => undefined,
    transport: {
      refresh: async () => void seen.refreshes.push(clock.nowMs()),
      lookAround: async (found) => {
        seen.lookups += 1;
        for (const key of options.keys ?? []) found(key);
      },
      meet: async (key) => {
        seen.met.push(key);
        if (failing.has(key)) throw new AppError('blob_unavailable', 'nobody');
      },
    },
  });
  return { clock, link, seen, failing, lookAround };
}

test('While all is well it announces four times at the start, then every five minutes, and asks for nobody', async () => {
  const { clock, seen, lookAround } = looking({ isConnected: true });
  await clock.advance(700_000);
  await lookAround[Symbol.asyncDispose]();

  assert.deepEqual(seen.refreshes, [250, 750, 1750, 4000, 304_000, 604_000]);
  assert.equal(seen.lookups, 0);
});

test('When the coordinator goes away it starts over at once, and goes on every half minute', async () => {
  const { clock, link, seen, lookAround } = looking({ isConnected: true });
  await clock.advance(10_000);
  seen.refreshes.length = 0;

  link.disconnect();
  await clock.advance(70_000);
  await lookAround[Symbol.asyncDispose]();

  assert.deepEqual(seen.refreshes, [10_250, 10_750, 11_750, 14_000, 44_000, 74_000]);
});

test('A peer that is lost makes it look around at once, but not in a storm', async () => {
  const { clock, seen, lookAround } = looking({ isConnected: true });
  await clock.advance(60_000);
  seen.refreshes.length = 0;

  for (let at = 0; at < 100; at += 1) {
    lookAround.trouble();
    await clock.advance(100);
  }
  await lookAround[Symbol.asyncDispose]();

  assert.deepEqual(seen.refreshes, [60_000, 65_000, 70_000]);
});

test('Keys that nobody known has are met once, and one that failed is tried again, ever later', async () => {
  const { clock, seen, failing, lookAround } = looking({ isConnected: false, keys: ['known', 'new', 'dead'] });
  failing.add('dead');
  await clock.advance(180_000);
  await lookAround[Symbol.asyncDispose]();

  assert.equal(seen.met.filter((key) => key === 'new').length, 1);
  assert.ok(!seen.met.includes('known'));
  const tries = seen.met.filter((key) => key === 'dead').length;
  assert.ok(tries >= 3 && tries <= 6, `${tries} tries`);
});
