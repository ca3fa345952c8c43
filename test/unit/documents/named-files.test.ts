// What the documents name is there, and the folder map names every folder.

import assert from 'node:assert/strict';
import { access, readFile, readdir } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { readSources, repositoryRoot } from '../../../scripts/repository-files.ts';

const NAMED_PATH = /`((?:node|coordinator|shared|test|scripts|docs)\/[\w./-]*)`/g;
const LINK = /\]\(([^)#:]+)(#[^)]*)?\)/g;

test('Every file and folder that a document names is there', async () => {
  const missing: string[] = [];
  for (const document of await documents()) {
    const text = await readFile(join(repositoryRoot, document), 'utf8');
    const named = [...text.matchAll(NAMED_PATH)].map(([, path = '']) => path);
    const linked = [...text.matchAll(LINK)].map(([, path = '']) => join(dirname(document), path));
    for (const path of new Set([...named, ...linked].map(normalize))) {
      if (!(await isThere(path))) missing.push(`${document}: ${path}`);
    }
  }

  assert.deepEqual(missing, []);
});

test('The folder map of ARCHITECTURE.md names every folder of the code, and no other', async () => {
  const text = await readFile(join(repositoryRoot, 'ARCHITECTURE.md'), 'utf8');
  const map = text.slice(text.indexOf('## Folders'), text.indexOf('## Flows'));
  const named = [...map.matchAll(/^\| `([a-z/-]+)\/` \|/gm)].map(([, folder = '']) => folder);
  const sources = await readSources(['node', 'coordinator', 'shared']);
  const folders = new Set(sources.map(({ file }) => dirname(file)));

  assert.deepEqual(named.filter((name) => name !== 'test' && name !== 'scripts').sort(), [...folders].sort());
});

async function documents(): Promise<readonly string[]> {
  const top = (await readdir(repositoryRoot)).filter((name) => name.endsWith('.md'));
  const below = (await readdir(join(repositoryRoot, 'docs'))).map((name) => join('docs', name));
  return [...top, ...below];
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(join(repositoryRoot, path));
    return true;
  } catch {
    return false; // the test says which
  }
}
