// Links to the next page of an upstream's list.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nextPageAfter } from '../../../node/upstream/next-page.ts';

test('Links of real registries lead to where the next page begins', () => {
  assert.equal(nextPageAfter('</v2/a/tags/list?last=v1&n=2>; rel="next"'), 'v1');
  assert.equal(nextPageAfter('<https://quay.io/v2/a/tags/list?n=50&last=1.0_b>;rel=next'), '1.0_b');
  assert.equal(nextPageAfter('</a>; rel="prev", </v2/a/tags/list?last=x&n=1>; title="a, b"; rel="last next"'), 'x');
});

test('What is no link to a next page leads nowhere', () => {
  for (const header of [
    undefined,
    '',
    '</a?last=x>',
    '</a?last=x>; rel="prev"',
    '<a?n=1>; rel="next"',
    'rel="next"',
    '</a?last=>; rel=next',
  ])
    assert.equal(nextPageAfter(header), undefined, String(header));
  assert.equal(nextPageAfter(`</a?last=${'x'.repeat(300)}>; rel="next"`), undefined);
});

test('A name that was put into a link comes out of it', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[\w.-]{1,128}$/), fc.boolean(), (last, isAbsolute) => {
      const start = isAbsolute ? 'https://r.example' : '';
      const query = new URLSearchParams({ n: '5', last }).toString();
      assert.equal(nextPageAfter(`<${start}/v2/a/tags/list?${query}>; rel="next"`), last);
    }),
  );
});

test('Nothing that may stand in a header makes it throw, or take long', () => {
  const bits = fc.constantFrom('<', '>', ';', ',', '=', '"', ' rel', 'next', '?last=', 'a', '%', '\t');
  const noise = fc.oneof(
    fc.string(),
    fc.array(bits, { maxLength: 60 }).map((parts) => parts.join('')),
  );

  fc.assert(fc.property(noise, (header) => ['string', 'undefined'].includes(typeof nextPageAfter(header))));
  for (const unit of ['<a>;', '<a>;a=', ' ;a', '<a>,', 'rel="next" ', ';rel= '])
    nextPageAfter(`<a>; rel="${unit.repeat(1000)}`);
  for (const unit of ['<a>; ', '; a', ', ', '\t;a=']) nextPageAfter(`<a>${unit.repeat(2000)}`);
});
