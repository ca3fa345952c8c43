// Every limit of the code says its rule, and the document that lists them is true.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readConstants } from '../../../scripts/constant-value.ts';
import { findLimits, limitsDocument } from '../../../scripts/limits-document.ts';
import { programSettings } from '../../../scripts/program-settings.ts';
import { readSources, repositoryRoot } from '../../../scripts/repository-files.ts';
import { shownValue } from '../../../scripts/shown-value.ts';

const sources = await readSources(['node', 'coordinator', 'shared']);

test('Every number in capitals is a limit with a doc comment that says its rule, or is known to bound nothing', () => {
  const silent = findLimits(sources)
    .filter(({ meaning }) => meaning === '')
    .map(({ file, name }) => `${file}: ${name}`);

  assert.deepEqual(silent, []);
});

test('docs/limits.md is what scripts/limits.ts would write', async () => {
  const written = await readFile(join(repositoryRoot, 'docs/limits.md'), 'utf8');

  assert.equal(written, limitsDocument(findLimits(sources), programSettings), 'npx tsx scripts/limits.ts');
});

test('Constants are read with their comments, their arithmetic and those of other files', () => {
  const constants = readConstants([
    {
      file: 'a/b/one.ts',
      text: [
        "import { LEAF_BYTES as LEAF, OTHER } from '../two.ts';",
        '/** Why. */',
        'const MAX_BYTES = 2 * (LEAF + 1) ** 2 - 1;',
        '/**',
        ' * First line,',
        ' * second line.',
        ' */',
        'export const BACKOFF: Backoff = { firstMs: 1_000, maxMs: MAX_BYTES } as const;',
        'const HALF = 1 / 2;',
        "const TEXT = 'a';",
        'const UNKNOWN = OTHER * 2;',
      ].join('\n'),
    },
    { file: 'a/two.ts', text: 'export const LEAF_BYTES = 0x10;' },
  ]);

  assert.deepEqual(
    constants.map(({ name, comment, value }) => [name, comment, value]),
    [
      ['MAX_BYTES', 'Why.', 577],
      ['BACKOFF', 'First line, second line.', { firstMs: 1000, maxMs: 577 }],
      ['HALF', '', 0.5],
      ['TEXT', '', undefined],
      ['UNKNOWN', '', undefined],
      ['LEAF_BYTES', '', 16],
    ],
  );
});

test('Values are shown in the unit that their name ends in', () => {
  assert.deepEqual(
    [
      shownValue('MAX_WAIT_MS', 90_000),
      shownValue('LIFE_MS', 7 * 86_400_000),
      shownValue('firstMs', 250),
      shownValue('MAX_PAGE_BYTES', 4 * 1024 * 1024 - 64 * 1024),
      shownValue('RETRY_SECONDS', 5),
      shownValue('MAX_NODES', 10_000),
      shownValue('SHARE', 2 / 3),
    ],
    ['90 s', '7 d', '250 ms', '4,032 KiB', '5 s', '10,000', '0.667'],
  );
});
