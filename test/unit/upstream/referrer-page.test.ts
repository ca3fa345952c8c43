// Lists of referrers as upstreams write them, and two of them as one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ReferrerPage } from '../../../node/content/content.ts';
import { mergedReferrers } from '../../../node/upstream/merged-referrers.ts';
import { isProbe, parseReferrerPage, referrersTag } from '../../../node/upstream/referrer-page.ts';
import { digestOf, isDigest } from '../../../shared/oci/digest.ts';
import { isTag } from '../../../shared/oci/reference.ts';
import type { ReferrerDescriptor } from '../../../shared/protocol/referrer-shape.ts';

const DIGESTS = Array.from({ length: 12 }, (_, index) => digestOf(Buffer.from(`${index}`))).toSorted();

function entry(index: number): ReferrerDescriptor {
  return { mediaType: 'application/x', digest: DIGESTS[index] ?? digestOf(Buffer.from('')), sizeBytes: index };
}

function bodyOf(manifests: unknown): Buffer {
  return Buffer.from(JSON.stringify({ schemaVersion: 2, manifests }));
}

test('A list gives its descriptors, without those that are none, and the query of the next page', () => {
  const [digest = ''] = DIGESTS;
  const good = { mediaType: 'a/b', digest, size: 7, artifactType: 'c/d', annotations: { e: 'f' } };
  const odd = [null, 1, {}, { ...good, digest: 'md5:00' }, { ...good, size: -1 }, { ...good, annotations: { e: 1 } }];
  const body = bodyOf([good, ...odd, { mediaType: 'a/b', digest, size: 7, artifactType: '', annotations: null }]);

  assert.deepEqual(
    parseReferrerPage(body, '<https://elsewhere.example/v2/x/referrers/y?token=a%2Fb&n=2#z>; rel=next'),
    {
      descriptors: [
        { mediaType: 'a/b', digest, sizeBytes: 7, artifactType: 'c/d', annotations: { e: 'f' } },
        { mediaType: 'a/b', digest, sizeBytes: 7 },
      ],
      sizeBytes: body.byteLength,
      next: 'token=a%2Fb&n=2',
    },
  );
  assert.deepEqual(parseReferrerPage(bodyOf(null), '</v2/x/referrers/y>; rel="next"')?.next, undefined);
});

test('What is no list of referrers is none, and never throws', () => {
  for (const text of ['', '[]', '{}', '{"manifests":{}}', '<html>'])
    assert.equal(parseReferrerPage(Buffer.from(text), undefined), undefined, text);
  fc.assert(
    fc.property(fc.json(), fc.option(fc.string(), { nil: undefined }), (text, link) => {
      const page = parseReferrerPage(Buffer.from(`{"manifests":[${text}]}`), link);
      assert.ok(page === undefined || page.descriptors.every(({ digest }) => isDigest(digest)));
    }),
  );
});

test('Any digest has a tag for the list of its referrers', () => {
  assert.equal(referrersTag(`sha256:${'a'.repeat(64)}`), `sha256-${'a'.repeat(64)}`);
  assert.equal(referrersTag(`sha512:${'a'.repeat(128)}`), `sha512-${'a'.repeat(64)}`);
  assert.equal(referrersTag('test+algorithm.using:sha_4==_x'), 'test-algorithm.using-sha_4--_x');
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/), (digest) =>
      isTag(referrersTag(digest)),
    ),
  );
  assert.ok(isProbe(`sha256:${'0'.repeat(64)}`));
  assert.ok(!isProbe(`sha256:${'0'.repeat(63)}1`));
});

test('Pages of two lists, read one after the other, give what both have, in order and once', () => {
  const some = fc.uniqueArray(fc.nat({ max: DIGESTS.length - 1 }));
  const pageOf = (all: readonly number[], last: string, limit: number): ReferrerPage => {
    const descriptors = all.map(entry).filter(({ digest }) => digest > last);
    return { descriptors: descriptors.slice(0, limit), hasMore: descriptors.length > limit, hasSubject: false };
  };

  fc.assert(
    fc.property(some, some, fc.integer({ min: 1, max: 5 }), (a, b, limit) => {
      const own = a.toSorted((x, y) => x - y);
      const theirs = b.toSorted((x, y) => x - y);
      const read: string[] = [];
      for (let last = '', isMore = true; isMore; last = read.at(-1) ?? '') {
        const page = mergedReferrers(pageOf(own, last, limit), pageOf(theirs, last, limit), limit);
        assert.ok(page.descriptors.length <= limit);
        assert.ok(!page.hasMore || page.descriptors.length > 0);
        read.push(...page.descriptors.map(({ digest }) => digest));
        isMore = page.hasMore;
      }
      const expected = [...new Set([...own, ...theirs])].map((index) => entry(index).digest).toSorted();
      assert.deepEqual(read, expected);
    }),
  );
});
