import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteRate } from '../../../node/swarm/hyperswarm/byte-rate.ts';
import { FakeClock } from '../../support/fake-clock.ts';

test('Whatever is written, over a second no more goes out than the rate and one burst', async () => {
  const clock = new FakeClock();
  const rate = new ByteRate({ clock }, { bytesPerSecond: 1_000_000 });
  let sentBytes = 0;

  while (clock.nowMs() < 1000) {
    await clock.advance(rate.take(50_000));
    if (clock.nowMs() <= 1000) sentBytes += 50_000;
  }

  assert.ok(sentBytes >= 950_000 && sentBytes <= 1_150_000, `${sentBytes} bytes`);
});

test('A pause saves up no more than a burst', async () => {
  const clock = new FakeClock();
  const rate = new ByteRate({ clock }, { bytesPerSecond: 1_000_000 });
  await clock.advance(60_000);

  assert.equal(rate.take(100_000), 0);
  assert.equal(rate.take(100_000), 0);
  assert.equal(rate.take(100_000), 100);
});
