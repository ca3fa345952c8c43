// The first page names what there is.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { COMMANDS } from '../../../node/cli/commands.ts';
import { repositoryRoot } from '../../../scripts/repository-files.ts';

test('The table of commands in README.md has every command of the program, and no other', async () => {
  const page = await readFile(join(repositoryRoot, 'README.md'), 'utf8');
  const table = page.slice(page.indexOf('## The command line'), page.indexOf('In a checkout the program is'));

  const rows = table.split('\n').filter((line) => line.startsWith('| `'));
  const named = rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`shoal ([a-z ]+)/g)]);

  const names = named.map(([, name]) => (name ?? '').trim());
  assert.deepEqual(names.toSorted(), COMMANDS.map(({ words }) => words.join(' ')).toSorted());
});
