// `npx tsx scripts/rules.ts`: writes docs/registry-rules.md, which says for every rule of the registry API which test
// covers it or why none does. With --check it only says whether the file is up to date.

import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { REGISTRY_RULES } from '../test/support/registry-rules.ts';
import { findCoverage, rulesDocument, type TestSource } from './rules-document.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(root, 'docs/registry-rules.md');

const document = rulesDocument(REGISTRY_RULES, findCoverage(await readTests()));
if (process.argv.includes('--check')) {
  const found = await readFile(target, 'utf8').catch(() => '');
  if (found !== document) {
    console.error('docs/registry-rules.md is out of date: npx tsx scripts/rules.ts');
    process.exitCode = 1;
  }
} else {
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, document);
  console.error(`wrote ${relative(root, target)}`);
}

async function readTests(): Promise<TestSource[]> {
  const sources: TestSource[] = [];
  for (const entry of await readdir(join(root, 'test'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
    const path = join(entry.parentPath, entry.name);
    sources.push({ file: relative(root, path), text: await readFile(path, 'utf8') });
  }
  return sources;
}
