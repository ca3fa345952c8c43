// Lists of repositories of an upstream.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseCatalogPage } from '../../../node/upstream/catalog-page.ts';
import { isRepositoryName } from '../../../shared/oci/reference.ts';

test('A list gives its legal names, and where the next one begins', () => {
  const body = Buffer.from('{"repositories":["a","team/b","../etc","B"]}');

  assert.deepEqual(parseCatalogPage(body, '</v2/_catalog?last=team%2Fb&n=4>; rel="next"'), {
    names: ['a', 'team/b'],
    illegalCount: 2,
    next: 'team/b',
  });
  assert.deepEqual(parseCatalogPage(Buffer.from('{"repositories":null}'), undefined), {
    names: [],
    illegalCount: 0,
    next: undefined,
  });
});

test('What is no list is none, and never throws', () => {
  for (const text of ['', '[]', '{}', '{"repositories":{}}', '{"repositories":[1]}', '<html>'])
    assert.equal(parseCatalogPage(Buffer.from(text), undefined), undefined, text);
  fc.assert(
    fc.property(fc.json(), fc.option(fc.string(), { nil: undefined }), (text, link) => {
      const page = parseCatalogPage(Buffer.from(text), link);
      assert.ok(page === undefined || page.names.every(isRepositoryName));
    }),
  );
});
