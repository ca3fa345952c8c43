// All that refers to a manifest, read page by page from an upstream.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listReferrersOf } from '../../../node/upstream/upstream-referrers.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';
import type { ReferrerDescriptor } from '../../../shared/protocol/referrer-shape.ts';

const never = new AbortController().signal;
const MANY = 300;

/** Every page holds one entry. @param nextOf the query of the page after the one with this query. */
function upstreamOf(nextOf: (query: string) => string | undefined): {
  readonly queries: string[];
  readonly list: () => Promise<readonly ReferrerDescriptor[]>;
} {
  const queries: string[] = [];
  const client: Parameters<typeof listReferrersOf>[0] = {
    name: 'up.example',
    manifest: () => assert.fail('it has the API'),
    referrers: async ({ query }) => {
      queries.push(query);
      const descriptors = [{ mediaType: 'm/t', digest: digestOf(Buffer.from(query)), sizeBytes: 1 }];
      return { descriptors, sizeBytes: 100, next: nextOf(query) };
    },
  };
  return {
    queries,
    list: () => listReferrersOf(client, { remote: 'org/app', subject: digestOf(Buffer.from('')) }, never),
  };
}

test('Pages are read one after the other until there is no next', async () => {
  const upstream = upstreamOf((query) => (query === 'c' ? undefined : { '': 'b', b: 'c' }[query]));

  const descriptors = await upstream.list();

  assert.deepEqual(upstream.queries, ['', 'b', 'c']);
  assert.equal(descriptors.length, 3);
});

test('An upstream whose pages lead back to one that it gave has said all', async () => {
  const toItself = upstreamOf(() => 'b');
  const inCircles = upstreamOf((query) => (query === 'b' ? 'c' : 'b'));

  assert.equal((await toItself.list()).length, 2);
  assert.equal((await inCircles.list()).length, 3);
  assert.deepEqual(toItself.queries, ['', 'b']);
  assert.deepEqual(inCircles.queries, ['', 'b', 'c']);
});

test('An upstream whose pages never end is given up, and is no short list', async () => {
  const upstream = upstreamOf((query) => `${query}x`);

  await assert.rejects(upstream.list, (error) => isAppError(error, 'upstream_unavailable'));

  assert.ok(upstream.queries.length < MANY, String(upstream.queries.length));
});
