import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isApiPath, parseApiPath, splitTarget } from '../../../shared/oci/api-path.ts';
import { isRepositoryName } from '../../../shared/oci/reference.ts';

test('[R-1 R-3] Paths are read from their tail', () => {
  const cases = [
    ['/v2', { type: 'base' }],
    ['/v2/', { type: 'base' }],
    ['/v2/_catalog', { type: 'catalog' }],
    ['/v2/a/blobs/manifests/latest', { type: 'manifest', repository: 'a/blobs', reference: 'latest' }],
    ['/v2/a/blobs/uploads', { type: 'uploads', repository: 'a' }],
    ['/v2/a/blobs/uploads/', { type: 'uploads', repository: 'a' }],
    ['/v2/a/blobs/uploads/x', { type: 'upload', repository: 'a', id: 'x' }],
    ['/v2/a/blobs/uploads/blobs/x', { type: 'blob', repository: 'a/blobs/uploads', digest: 'x' }],
    ['/v2/a/blobs/uploads/blobs/uploads/x', { type: 'upload', repository: 'a/blobs/uploads', id: 'x' }],
    ['/v2/tags/tags/list', { type: 'tags', repository: 'tags' }],
    ['/v2/a/referrers/x', { type: 'referrers', repository: 'a', digest: 'x' }],
    ['/v2/_oci/ext/discover', { type: 'extension', repository: undefined, extension: '_oci/ext/discover' }],
    ['/v2/a/b/_oci/ext/discover', { type: 'extension', repository: 'a/b', extension: '_oci/ext/discover' }],
    ['/v2/a', { type: 'unknown' }],
    ['/v1/a/tags/list', { type: 'unknown' }],
    ['/v2/a/tags/other', { type: 'unknown' }],
  ] as const;

  for (const [path, expected] of cases) assert.deepEqual(parseApiPath(path), expected, path);
});

test('[R-2 N-4] Segments are decoded once, and what is decoded cannot make a name', () => {
  assert.deepEqual(parseApiPath('/v2/a/blobs/sha256%3Ax'), { type: 'blob', repository: 'a', digest: 'sha256:x' });
  assert.deepEqual(parseApiPath('/v2/a/blobs/%253A'), { type: 'blob', repository: 'a', digest: '%3A' });
  for (const name of ['a%2Fb', '..', '%2e%2e', 'a%00', '%zz', 'a%2', '']) {
    assert.equal(parseApiPath(`/v2/${name}/manifests/x`).type, 'name_invalid', name);
  }
});

test('[R-1] Every legal name comes back from every path it is put into', () => {
  const component = fc.stringMatching(/^[a-z0-9]{1,8}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}$/);
  const word = fc.constantFrom('blobs', 'manifests', 'tags', 'list', 'uploads', 'referrers');
  const name = fc.array(fc.oneof(component, word), { minLength: 1, maxLength: 6 }).map((parts) => parts.join('/'));
  const tail = fc.constantFrom(
    'manifests/v1',
    'blobs/sha256:x',
    'blobs/uploads/',
    'blobs/uploads/id-1',
    'tags/list',
    'referrers/sha256:x',
  );
  fc.assert(
    fc.property(name, tail, (repository, end) => {
      const path = parseApiPath(`/v2/${repository}/${end}`);
      assert.ok('repository' in path && path.repository === repository, `${repository} ${end}`);
    }),
  );
});

test('[R-2 R-4] Any path is read without a failure, and a name that is let through is legal', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      const path = parseApiPath(`/v2/${text}`);
      if (path.type === 'name_invalid' || !('repository' in path) || path.repository === undefined) return true;
      return isRepositoryName(path.repository);
    }),
  );
});

test('A target is split at its query, in either of its forms', () => {
  assert.deepEqual(splitTarget('/v2/?a=b?c'), { path: '/v2/', query: 'a=b?c' });
  assert.deepEqual(splitTarget('http://host:1/v2/x?n=1'), { path: '/v2/x', query: 'n=1' });
  assert.equal(isApiPath('/v2x'), false);
});
