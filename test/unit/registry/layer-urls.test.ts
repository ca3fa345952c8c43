import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LayerUrls } from '../../../node/registry/layer-urls.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';

function isAllowed(url: string, allowed: readonly string[], denied: readonly string[] = []): boolean {
  try {
    new LayerUrls({ layerUrls: 'listed', allowedLayerUrls: allowed, deniedLayerUrls: denied }).check([url]);
    return true;
  } catch (error) {
    assert.ok(isAppError(error, 'manifest_invalid'), String(error));
    return false;
  }
}

test('URLs of layers are allowed by pattern, and none without one', () => {
  const patterns = [String.raw`^https?://([^/]+\.)*example\.com/`];
  const denied = [String.raw`^https?://www\.example\.com/`];

  assert.equal(isAllowed('https://example.com/a', []), false);
  assert.equal(isAllowed('https://example.com/a', patterns, denied), true);
  assert.equal(isAllowed('http://a.b.example.com/a', patterns, denied), true);
  assert.equal(isAllowed('https://www.example.com/a', patterns, denied), false);
  assert.equal(isAllowed('https://evil.example/example.com/', patterns), false);
  assert.equal(isAllowed('https://example.com.evil/', patterns), false);
  assert.equal(isAllowed('https://notexample.com/', patterns), false);
  assert.equal(isAllowed('ftp://example.com/', patterns), false);
  assert.equal(isAllowed('https://a/b', ['^https://a/b$']), true);
  assert.equal(isAllowed('https://a/bc', ['^https://a/b$']), false);
  assert.doesNotThrow(() =>
    new LayerUrls({ layerUrls: 'any', allowedLayerUrls: [], deniedLayerUrls: [] }).check(['x']),
  );
});

test('A pattern that is none of ours is an error', () => {
  for (const pattern of ['', 'https://a', '^https://(a+)+$', '^.*', '^https://[a-z]/', '^https://a(']) {
    assert.throws(() => isAllowed('https://a', [pattern]), /is not a pattern like/, pattern);
  }
});

test('Patterns match what the same regular expressions match', () => {
  const host = fc.stringMatching(/^([ab]{1,2}\.){0,3}ab\.c$/);
  const place = fc.tuple(
    fc.constantFrom('http://', 'https://', 'ftp://'),
    host,
    fc.stringMatching(/^(\/[ab.]{0,3})?$/),
  );
  const pattern = fc.tuple(
    fc.constantFrom('^https?://', '^https://'),
    fc.constantFrom('', String.raw`([^/]+\.)*`),
    fc.constantFrom(String.raw`ab\.c`, String.raw`ab\.c/`, String.raw`a\.ab\.c`),
    fc.constantFrom('', '$', '.*'),
  );
  fc.assert(
    fc.property(place, pattern, (url, parts) => {
      const text = url.join('');
      const expression = parts.join('');
      assert.equal(isAllowed(text, [expression]), new RegExp(expression).test(text));
    }),
  );
});
