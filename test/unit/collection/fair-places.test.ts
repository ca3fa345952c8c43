// A bounded number of places that hosts share.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FairPlaces } from '../../../coordinator/collection/fair-places.ts';

const HOSTS = ['a', 'b', 'c', 'd'] as const;

test('There are never more than places, and nobody is refused while another has two more', () => {
  const step = fc.record({
    host: fc.constantFrom(...HOSTS),
    thing: fc.nat({ max: 30 }).map(String),
    does: fc.constantFrom('add', 'add', 'add', 'remove', 'leave'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 4, max: 20 }), (steps, max) => {
      const places = new FairPlaces<string, number>(max);
      for (const { host, thing, does } of steps) {
        const before = places.of(host).size;
        const most = Math.max(...HOSTS.map((each) => places.of(each).size));
        if (does === 'remove') places.remove(host, thing);
        if (does === 'leave' && thing === '0') places.removeHost(host);
        if (does === 'add') {
          const wasIn = places.of(host).has(thing);
          const { isIn, loser } = places.add(host, thing, 1);
          assert.equal(isIn, places.of(host).has(thing));
          assert.ok(isIn || most - before <= 1);
          assert.ok(wasIn || !isIn || places.of(host).size === before + 1);
          assert.notEqual(loser, host);
          if (loser !== undefined) assert.ok(places.of(loser).size + 1 >= places.of(host).size);
        }
        let count = 0;
        for (const each of HOSTS) count += places.of(each).size;
        assert.equal(places.count, count);
        assert.ok(count <= max);
      }
    }),
  );
});

test('However many there are before, a host that comes late gets as many as they', () => {
  const places = new FairPlaces<string, number>(10_000);
  for (let thing = 0; thing < 20_000; thing += 1) for (const host of HOSTS) places.add(host, `${thing}`, thing);
  for (let thing = 0; thing < 20_000; thing += 1) places.add('late', `${thing}`, thing);

  for (const host of [...HOSTS, 'late']) {
    const { size } = places.of(host);
    assert.ok(size > 1000 && size < 3000, `${host} has ${size}`);
  }
});
