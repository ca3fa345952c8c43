// Every rule of the registry API has a test or a line that says why not, and the document that says so is true.

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { findCoverage, rulesDocument, type Coverage } from '../../../scripts/rules-document.ts';
import { REGISTRY_RULES } from '../../support/registry-rules.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const rules = REGISTRY_RULES.flatMap((group) => group.rules);

async function readCoverage(): Promise<Coverage> {
  const sources: { file: string; text: string }[] = [];
  for (const entry of await readdir(join(root, 'test'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
    const path = join(entry.parentPath, entry.name);
    sources.push({ file: relative(root, path), text: await readFile(path, 'utf8') });
  }
  return findCoverage(sources);
}

test('Every rule is covered by a test, or says why it is not, and never both', async () => {
  const coverage = await readCoverage();
  const open = rules.filter(({ id, notTested }) => coverage.has(id) === (notTested !== undefined)).map(({ id }) => id);

  assert.deepEqual(open, []);
});

test('Every id in the name of a test is the id of a rule, and every rule stands once', async () => {
  const known = new Set(rules.map(({ id }) => id));
  const families = new Set(rules.map(({ id }) => id.slice(0, 2)));
  const strangers = [...(await readCoverage()).keys()].filter((id) => families.has(id.slice(0, 2)) && !known.has(id));

  assert.deepEqual(strangers, []);
  assert.equal(known.size, rules.length);
});

test('docs/registry-rules.md is what scripts/rules.ts would write', async () => {
  const written = await readFile(join(root, 'docs/registry-rules.md'), 'utf8');

  assert.equal(written, rulesDocument(REGISTRY_RULES, await readCoverage()), 'npx tsx scripts/rules.ts');
});
