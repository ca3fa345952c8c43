// The catalog of a cache, page by page.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mergedCatalog } from '../../../node/upstream/merged-catalog.ts';

type Page = Parameters<Parameters<typeof mergedCatalog>[0]>[0];

/** A list of names as the coordinator gives it. */
function listOf(names: readonly string[]) {
  const sorted = [...new Set(names)].toSorted();
  return async ({ last = '', limit }: Page) => {
    const after = sorted.filter((name) => name > last);
    return { repositories: after.slice(0, limit), hasMore: after.length > limit };
  };
}

async function walk(names: readonly string[], limit: number): Promise<string[]> {
  const found: string[] = [];
  for (let last: string | undefined; ;) {
    const page = await mergedCatalog(listOf(names), 'up.io', { last, limit });
    found.push(...page.repositories);
    last = page.repositories.at(-1);
    if (!page.hasMore || last === undefined) return found;
  }
}

test('Copies of the default upstream stand among the others by the names that clients use', async () => {
  assert.deepEqual(await walk(['team/app', 'up.io/library/nginx', 'quay.io/a/b', 'up.io/team/app', 'zoo'], 10), [
    'library/nginx',
    'quay.io/a/b',
    'team/app',
    'zoo',
  ]);
});

test('Page by page every name comes once and in order', async () => {
  const part = fc.constantFrom('a', 'b', 'up', 'up.io', 'up.io-x', 'v', 'z');
  const name = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));

  await fc.assert(
    fc.asyncProperty(fc.array(name, { maxLength: 15 }), fc.integer({ min: 1, max: 4 }), async (names, limit) => {
      const shown = names.map((each) => (each.startsWith('up.io/') ? each.slice('up.io/'.length) : each));
      assert.deepEqual(await walk(names, limit), [...new Set(shown)].toSorted());
    }),
  );
});
