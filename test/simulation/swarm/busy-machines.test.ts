// Small images on hosts that stand still now and then, as those of one busy machine do.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../scripts/simulation/core/seeded-random.ts';
import { pull, seed } from '../../support/simulated-pull.ts';

const MIB = 1024 * 1024;
const PULLS = 60;
const HOSTS = 3;

/** Some of three hosts and their origin stand still for up to a second, again and again; one in two times a host is slow. */
function busyPull(each: number) {
  const random = seededRandom(seed * PULLS + each);
  const hosts = Array.from({ length: HOSTS + 1 }, (_, host) => host);
  const standstills = hosts.flatMap((host) =>
    Array.from({ length: 3 }, () => ({ host, atMs: random() * 600, forMs: 50 + random() * 900 })),
  );
  return pull({
    hosts: HOSTS,
    layers: [2 * MIB, 2 * MIB],
    rate: 25e6,
    latencyMs: 0.5 + random() * 5,
    slow: { hosts: Math.floor(random() * 2), share: 0.3 + random() * 0.7 },
    standstills,
    seed: seed * PULLS + each,
  });
}

test('Of a small image hardly a piece comes twice where hosts stand still, and nobody waits long for what was on its way', () => {
  let wasteShare = 0;
  for (let each = 0; each < PULLS; each += 1) {
    const { result, missing } = busyPull(each);
    assert.equal(missing, 0, `seed ${seed}, pull ${each}`);
    assert.ok(result.wasteShare < 0.08, `seed ${seed}, pull ${each}: waste ${result.wasteShare}`);
    // Two seconds more than what they stood still and one copy takes. It took up to 13 s when what came late was thrown away.
    assert.ok(Math.max(...result.finishedMs) < 4000, `seed ${seed}, pull ${each}: ${result.finishedMs.join(' ')}`);
    wasteShare += result.wasteShare / PULLS;
  }
  assert.ok(wasteShare < 0.025, `seed ${seed}: waste ${wasteShare}`);
});
