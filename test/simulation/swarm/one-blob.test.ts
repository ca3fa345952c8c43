import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check, GIGABIT, pull, seed } from '../../support/simulated-pull.ts';

for (const [hosts, maxRatio] of [
  [2, 1.03],
  [8, 1.04],
  [16, 1.09],
  [32, 1.1],
  [200, 1.13],
] as const) {
  test(`${hosts} hosts pull 100 MB at 1 Gbit/s within ${maxRatio} of the bound, from 1.3 copies at most`, () => {
    check(pull({ hosts, layers: [100e6], rate: GIGABIT }), { maxRatio, copies: 1.3 });
  });
}

test('200 hosts pull 1 GB at 10 Gbit/s within 1.12 of the bound, from 1.1 copies at most', () => {
  check(pull({ hosts: 200, layers: [1e9], rate: 10 * GIGABIT }), { maxRatio: 1.12, copies: 1.1 });
});

for (const seeders of [1, 2, 3]) {
  test(`${seeders} pushers that are no origins hand out as origins do: little more than one copy each`, () => {
    const options = { hosts: 32, holders: seeders, holderKind: 'pusher', layers: [100e6], rate: GIGABIT } as const;

    check(pull(options), { maxRatio: 1.11, copies: 1.1 * seeders });
  });

  test(`A lone host gets a blob from ${seeders} holders in the time of one copy, and hardly a piece twice`, () => {
    const options = { hosts: 1, holders: seeders, layers: [100e6], rate: GIGABIT };

    check(pull(options), { maxRatio: 1.05, copies: 1.1 });
  });
}

test('Hosts that come one after the other take no longer than the first', () => {
  const arrivalMs = (puller: number): number => puller * 200;

  const outcome = pull({ hosts: 60, layers: [100e6], rate: GIGABIT, arrivalMs });

  check(outcome, { maxRatio: 1.09, copies: 2.2 });
});

test('Hosts that come over six times of a pull take at most 1.15 of the bound from their own start, the first of them too', () => {
  const arrivalMs = (puller: number): number => puller * 48;

  const outcome = pull({ hosts: 100, layers: [100e6], rate: GIGABIT, arrivalMs });

  check(outcome, { maxRatio: 1.15, copies: 2 });
});

test('Pieces are asked for before they are there where the way is long: 20 ms cost 100 hosts less than a fifth of one copy', () => {
  // 1.174 to 1.189 with six seeds, 1.199 to 1.221 when each piece was told of when it was there.
  check(pull({ hosts: 100, layers: [400e6], rate: GIGABIT, latencyMs: 20 }), { maxRatio: 1.195, copies: 1.15 });
});

test('Clients that read along on every host do not slow the pull', () => {
  const options = { hosts: 32, layers: [100e6], rate: GIGABIT, isRead: true };

  check(pull(options), { maxRatio: 1.1, copies: 1.1 });
});

test('Hosts that die half way, noticed after a second, cost the others a fifth at most', () => {
  const deaths = [20, 21, 22, 23, 24].map((host) => ({ host, atMs: 800, noticedMs: 1000 }));

  const outcome = pull({ hosts: 100, layers: [400e6], rate: GIGABIT, deaths }, (host) => host < 20 || host > 24);

  check(outcome, { maxRatio: 1.2, copies: 1.15 });
});

test('A host that dies and comes back fetches only the rest', () => {
  const deaths = [{ host: 3, atMs: 400, noticedMs: 100, returnsMs: 1500 }];

  const outcome = pull({ hosts: 16, layers: [100e6], rate: GIGABIT, deaths });

  check(outcome, { maxRatio: 2.6, copies: 1.35 });
});

test('A piece that arrives while its double is being cancelled is not asked for again', () => {
  const deaths = [{ host: 3, atMs: 400, noticedMs: 100, returnsMs: 1500 }];

  const { result } = pull({ hosts: 16, layers: [100e6], rate: GIGABIT, deaths, seed: 381_727_606 });

  assert.ok(result.wasteShare < 0.01, `waste ${result.wasteShare}`);
});

test('The only holder dies and returns: those who wait then complete', () => {
  const deaths = [{ host: 0, atMs: 300, noticedMs: 100, returnsMs: 5000 }];

  const { result, missing } = pull({ hosts: 8, layers: [100e6], rate: GIGABIT, deaths });

  assert.equal(missing, 0, `seed ${seed}: missing ${missing}`);
  assert.ok(Math.max(...result.finishedMs) < 8000, `seed ${seed}`);
});

test('Hosts that announce what they do not have are worked around', () => {
  const options = { hosts: 32, layers: [100e6], rate: GIGABIT, liars: 3 };

  check(
    pull(options, (host) => host <= 29),
    { maxRatio: 1.35, copies: 1.35 },
  );
});

test('Two layers over one graph take hardly longer than one blob of their size', () => {
  const options = { hosts: 60, layers: [100e6, 100e6], rate: GIGABIT };

  check(pull(options), { maxRatio: 1.09, copies: 1.1 });
});

test('The origin hears what others have, and sends little more than one copy', () => {
  const outcome = pull({ hosts: 100, layers: [200e6], rate: GIGABIT });

  check(outcome, { maxRatio: 1.11, copies: 1.1 });
});

for (const lateSeed of [753_551_132, 230_569_638, 7]) {
  test(`No host of 32 has so few neighbours that it ends late (seed ${lateSeed})`, () => {
    const outcome = pull({ hosts: 32, layers: [100e6], rate: GIGABIT, seed: lateSeed });

    check(outcome, { maxRatio: 1.1, copies: 1.1 });
  });
}

test('The same seed gives the same pull', () => {
  const options = { hosts: 16, layers: [20e6], rate: GIGABIT };

  assert.deepEqual(pull(options).result, pull(options).result);
});
