import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { basename, dirname, join, posix, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { emptyFileNames, neverRules, onlyRules, packageHomes, pureFolders } from './import-rules.ts';

interface Import {
  /** The importing file, from the top of the repository. */
  readonly file: string;
  /** What it names: a file of ours from the top of the repository, `node:…`, or a package's name. */
  readonly target: string;
  readonly kind: 'ours' | 'builtin' | 'package';
  readonly isTypeOnly: boolean;
}

interface Source {
  readonly file: string;
  readonly text: string;
}

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const PRODUCT = ['node', 'coordinator', 'shared'];
const sources = await readSources([...PRODUCT, 'scripts', 'test']);
const imports = sources.filter(({ file }) => isIn(file, PRODUCT)).flatMap(importsOf);

test('Imports of our own code point one way', () => {
  const breaches = imports.filter(({ kind }) => kind === 'ours').flatMap(directionBreaches);

  assert.deepEqual(breaches, []);
});

test('Each package is imported in its own folder alone', () => {
  const breaches = imports
    .filter(({ kind, file, target }) => kind === 'package' && !isIn(file, packageHomes[target] ?? []))
    .map(({ file, target }) => `${file} imports the package ${target}`);

  assert.deepEqual(breaches, []);
});

test('Pure folders import no module of Node', () => {
  const breaches = imports
    .filter(({ kind, file, isTypeOnly }) => kind === 'builtin' && !isTypeOnly && isIn(file, pureFolders))
    .map(({ file, target }) => `${file} imports ${target}`);

  assert.deepEqual(breaches, []);
});

test('Product code reaches its own files by relative paths that end in .ts', () => {
  const breaches = imports
    .filter(({ kind, target }) => kind === 'ours' && !target.endsWith('.ts'))
    .map(({ file, target }) => `${file} imports ${target}`);

  assert.deepEqual(breaches, []);
});

test('File names say what a file holds', () => {
  const breaches = sources
    .map(({ file }) => file)
    .filter((file) => emptyFileNames.includes(basename(file).replace(/(\.test)?\.(ts|mjs)$/, '')));

  assert.deepEqual(breaches, []);
});

test('Nothing is exported by default', () => {
  const breaches = sources
    .filter(({ file, text }) => file.endsWith('.ts') && /^export default\b/m.test(text))
    .map(({ file }) => file);

  assert.deepEqual(breaches, []);
});

test('No note of unfinished work stays in the code', () => {
  const marks = new RegExp(`\\b(${['TO', 'FIX'].map((start) => start + (start === 'TO' ? 'DO' : 'ME')).join('|')})\\b`);
  const breaches = sources.filter(({ text }) => marks.test(text)).map(({ file }) => file);

  assert.deepEqual(breaches, []);
});

test('Signals are joined by what lets go of them again, since AbortSignal.any of Node 20 never does', () => {
  const shortLived = ['node/swarm/download-attempt.ts']; // of two signals that go with the download
  const breaches = sources
    .filter(({ file, text }) => isIn(file, PRODUCT) && !shortLived.includes(file) && text.includes('AbortSignal.any('))
    .map(({ file }) => `${file}: use joinSignals of shared/runtime/joined-signal.ts`);

  assert.deepEqual(breaches, []);
});

function directionBreaches({ file, target }: Import): string[] {
  const breaches: string[] = [];
  for (const rule of onlyRules) {
    if (isIn(file, [rule.from]) && !isIn(target, [rule.from, ...rule.only])) {
      breaches.push(`${file} imports ${target}; ${rule.from} may import only ${rule.only.join(', ') || 'itself'}`);
    }
  }
  for (const rule of neverRules) {
    const isExcepted = (rule.except ?? []).some(({ from, to }) => isIn(file, [from]) && isIn(target, to));
    if (isIn(file, [rule.from]) && isIn(target, rule.never) && !isExcepted) {
      breaches.push(`${file} imports ${target}; ${rule.from} must not`);
    }
  }
  return breaches;
}

function isIn(path: string, places: readonly string[]): boolean {
  return places.some((place) => path === place || path.startsWith(`${place}/`));
}

async function readSources(folders: readonly string[]): Promise<Source[]> {
  const found: Source[] = [];
  for (const folder of folders) {
    const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (!entry.isFile() || !/\.(ts|mjs)$/.test(entry.name)) continue;
      const path = join(entry.parentPath, entry.name);
      found.push({ file: relative(root, path), text: await readFile(path, 'utf8') });
    }
  }
  return found;
}

/** Statements, re-exports and `import()` with a constant name; comments are taken out first. */
function importsOf({ file, text }: Source): Import[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
  const statement = /^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm;
  const dynamic = /\bimport\(\s*'([^']+)'\s*\)/g;
  const found: Import[] = [];
  for (const [, type, name = ''] of code.matchAll(statement)) found.push(classify(file, name, type !== undefined));
  for (const [, name = ''] of code.matchAll(dynamic)) found.push(classify(file, name, false));
  return found;
}

function classify(file: string, name: string, isTypeOnly: boolean): Import {
  if (name.startsWith('.')) {
    return { file, target: posix.join(posix.dirname(file), name), kind: 'ours', isTypeOnly };
  }
  if (isBuiltin(name)) return { file, target: name, kind: 'builtin', isTypeOnly };
  const parts = name.split('/');
  const target = name.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? name);
  return { file, target, kind: 'package', isTypeOnly };
}
