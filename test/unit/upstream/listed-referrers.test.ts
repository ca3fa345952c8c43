// What the coordinator remembers of what upstreams said of referrers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ListedReferrers } from '../../../coordinator/cache/listed-referrers.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import type { ReferrerDescriptor } from '../../../shared/protocol/referrer-shape.ts';

const DIGESTS = ['a', 'b', 'c'].map((text) => digestOf(Buffer.from(text))).toSorted();

function describe(digest: ReferrerDescriptor['digest'], annotation = ''): ReferrerDescriptor {
  return { mediaType: 'm/t', digest, sizeBytes: 1, annotations: { annotation } };
}

test('A list replaces the one before, in order of digest and each digest once', () => {
  const lists = new ListedReferrers();
  lists.keep('r', 's', { descriptors: DIGESTS.map((digest) => describe(digest)), atMs: 1 });
  const [first, second] = DIGESTS;
  assert.ok(first !== undefined && second !== undefined);

  lists.keep('r', 's', { descriptors: [describe(second), describe(first), describe(second)], atMs: 2 });

  const kept = lists.find('r', 's');
  assert.equal(kept?.atMs, 2);
  assert.deepEqual(
    kept?.referrers.map(({ digest }) => digest),
    [first, second],
  );
  assert.equal(lists.find('r', 'other'), undefined);
  assert.equal(lists.find('other', 's'), undefined);
});

test('The list that was asked for longest ago goes when they take too much memory, and not for what is small', () => {
  const lists = new ListedReferrers();
  const [digest] = DIGESTS;
  assert.ok(digest !== undefined);
  const large = [describe(digest, 'x'.repeat(4 * 1024 * 1024))];
  for (let index = 0; index < 1000; index += 1) lists.keep('r', `none-${index}`, { descriptors: [], atMs: 0 });
  assert.ok(lists.find('r', 'none-0') !== undefined);

  for (let index = 0; index < 20; index += 1)
    lists.keep('r', `large-${index % 15}`, { descriptors: large, atMs: index });

  assert.equal(lists.find('r', 'none-0'), undefined);
  assert.equal(lists.find('r', 'large-5'), undefined);
  assert.ok(lists.find('r', 'large-4') !== undefined, 'said again since');
  assert.ok(lists.find('r', 'large-14') !== undefined);
});
