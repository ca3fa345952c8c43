// Whose turn it is to fetch a blob for the fleet.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FetchLeases } from '../../../coordinator/cache/fetch-leases.ts';
import { digestOf } from '../../../shared/oci/digest.ts';

const blob = digestOf(Buffer.from('a'));
const other = digestOf(Buffer.from('b'));

test('One node fetches a blob, also when it asks again; others may fetch other blobs', () => {
  const leases = new FetchLeases();

  assert.equal(leases.take(blob, 'one', 0), true);
  assert.equal(leases.take(blob, 'two', 1), false);
  assert.equal(leases.take(blob, 'one', 2), true);
  assert.equal(leases.take(other, 'two', 3), true);
});

test('The next one has its turn when the first ends, leaves, or is not heard of any more', () => {
  for (const end of ['ends', 'leaves', 'is silent'] as const) {
    const leases = new FetchLeases();
    leases.take(blob, 'one', 0);
    leases.take(blob, 'one', 10_000);
    leases.end(blob, 'two');
    assert.equal(leases.take(blob, 'two', 20_000), false, 'reminded in time, and nobody ends it for another');

    if (end === 'ends') leases.end(blob, 'one');
    if (end === 'leaves') leases.nodeLeft('one');
    assert.equal(leases.take(blob, 'two', end === 'is silent' ? 30_000 : 20_001), true, end);
    assert.equal(leases.take(blob, 'one', 30_001), false, end);
  }
});

test('A host that takes any number of turns takes none from the others', () => {
  const leases = new FetchLeases();
  for (let number = 0; number < 60_000; number += 1) leases.take(digestOf(Buffer.from(`${number}`)), 'greedy', 0);

  assert.equal(leases.take(blob, 'one', 1), true);
  assert.equal(leases.take(blob, 'two', 2), false, 'the turn of the first is remembered');
  leases.nodeLeft('greedy');
  assert.equal(leases.take(other, 'greedy', 3), true);
  assert.equal(leases.take(other, 'one', 4), false, 'room came back');
});
