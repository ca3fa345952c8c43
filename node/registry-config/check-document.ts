// A configuration against the table of keys: values of the right kind, what has no effect, what is refused or unknown.

import type { YamlTree } from '../../shared/runtime/bounded-yaml.ts';
import { nearest } from '../../shared/runtime/nearest.ts';
import { parseGoDuration } from './go-duration.ts';
import type { KeyShape } from './key-shape.ts';
import type { KeyKind, RegistryKey } from './registry-key.ts';
import { RegistryValues, type PlacedValue } from './registry-values.ts';

/** Longest value that is shown in a message. */
const MAX_SHOWN_CHARS = 120;
/** Longest text of a value; a longer one is refused. Far above any path, address or token. */
const MAX_TEXT_CHARS = 4096;

export interface CheckedDocument {
  readonly values: RegistryValues;
  /** Keys that are there and have no effect, with the reason. */
  readonly ignored: readonly { readonly key: string; readonly source: string; readonly why: string }[];
  readonly problems: readonly string[];
}

/** @param sourceOf where the value at a path came from. */
export function checkDocument(tree: YamlTree, shape: KeyShape, sourceOf: (path: string) => string): CheckedDocument {
  const checking: Checking = { sourceOf, values: new Map(), ignored: [], problems: [] };
  check(checking, { tree, shape, path: '' });
  const { values, ...rest } = checking;
  return { ...rest, values: new RegistryValues(values) };
}

interface Checking {
  readonly sourceOf: (path: string) => string;
  readonly values: Map<string, PlacedValue>;
  readonly ignored: { key: string; source: string; why: string }[];
  readonly problems: string[];
}

interface Place {
  readonly tree: YamlTree;
  readonly shape: KeyShape;
  readonly path: string;
}

function check(checking: Checking, place: Place): void {
  const { tree, shape, path } = place;
  const { row } = shape;
  const source = (): string => checking.sourceOf(path);
  if (row?.treatment.type === 'refused') {
    checking.problems.push(`${source()}: ${row.about ?? 'not supported'}`);
    return;
  }
  if (isAbsent(tree) && row?.kind !== 'choice') return;
  if (row?.treatment.type === 'ignored') {
    checking.ignored.push({ key: path, source: source(), why: row.about ?? '' });
    return;
  }
  if (row?.kind === 'any') return; // its name alone counts, which the group that it is chosen from has taken up
  if (shape.items !== undefined) checkItems(checking, { ...place, shape: shape.items });
  else if (row === undefined || row.kind === 'choice') checkGroup(checking, place);
  else checkValue(checking, { ...place, row });
}

function isAbsent(tree: YamlTree): boolean {
  return tree === '' || tree === '~';
}

function checkItems(checking: Checking, { tree, shape, path }: Place): void {
  if (!Array.isArray(tree)) {
    checking.problems.push(`${checking.sourceOf(path)}: write a list, each item behind a dash`);
    return;
  }
  for (const [index, item] of (tree as readonly YamlTree[]).entries()) {
    checkGroup(checking, { tree: item, shape, path: `${path}[${index}]` });
  }
}

function checkGroup(checking: Checking, { tree, shape, path }: Place): void {
  const { row } = shape;
  const isWord = typeof tree === 'string' && !isAbsent(tree) && row?.kind === 'choice';
  const content = isWord ? new Map<string, YamlTree>([[tree, '']]) : tree;
  if (isAbsent(content)) return;
  if (!(content instanceof Map)) {
    const where = path === '' ? checking.sourceOf(path) : `${checking.sourceOf(path)}`;
    checking.problems.push(`${where}: write its keys indented below it`);
    return;
  }
  const map = content as ReadonlyMap<string, YamlTree>;
  if (row?.kind === 'choice') checkChoice(checking, { row, path, map });
  for (const [name, each] of map) {
    const below = path === '' ? name : `${path}.${name}`;
    const child = shape.children.get(name);
    if (child === undefined) {
      const meant = nearest(name, [...shape.children.keys()]);
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
      checking.problems.push(`${checking.sourceOf(below)}: there is no such key${hint}`);
    } else check(checking, { tree: each, shape: child, path: below });
  }
}

function checkChoice(
  checking: Checking,
  { row, path, map }: { readonly row: RegistryKey; readonly path: string; readonly map: ReadonlyMap<string, YamlTree> },
): void {
  const chosen = [...map.keys()].filter((name) => !(row.besides ?? []).includes(name));
  for (const name of chosen) {
    // A name with nothing below it is still the one that is chosen.
    checking.values.set(`${path}.${name}`, { value: true, source: checking.sourceOf(`${path}.${name}`) });
  }
  if (chosen.length < 2) return;
  checking.problems.push(
    `${path}: one at most, and there are ${chosen.join(' and ')}; a variable REGISTRY_${path.toUpperCase()} with one of these names replaces them all`,
  );
}

function checkValue(checking: Checking, { tree, row, path }: Place & { readonly row: RegistryKey }): void {
  const value = valueOf(row.kind, tree);
  if (value !== undefined) {
    checking.values.set(path, { value, source: checking.sourceOf(path) });
    return;
  }
  const shown =
    row.isSecret === true || typeof tree !== 'string' ? 'this' : JSON.stringify(tree.slice(0, MAX_SHOWN_CHARS));
  checking.problems.push(`${checking.sourceOf(path)}: ${shown} is not right; ${ADVICE[row.kind]}`);
}

const ADVICE: Readonly<Record<KeyKind, string>> = {
  text: 'write some text',
  switch: 'write true or false',
  count: 'write a whole number',
  duration: 'write a time like 500ms, 10s, 5m or 168h',
  list: 'write a list: [one, two]',
  lists: 'write names with lists: {Name: [value]}',
  choice: 'write its keys indented below it',
  any: 'write something else',
};

function valueOf(kind: KeyKind, tree: YamlTree): PlacedValue['value'] | undefined {
  switch (kind) {
    case 'text':
      return isText(tree) ? tree : undefined;
    case 'switch':
      return isText(tree) ? switchOf(tree) : undefined;
    case 'count':
      return isText(tree) && /^\d{1,15}$/.test(tree) ? Number(tree) : undefined;
    case 'duration':
      return isText(tree) ? parseGoDuration(tree) : undefined;
    case 'list':
      return listOf(tree);
    case 'lists':
      return listsOf(tree);
    case 'choice':
    case 'any':
      return undefined;
    default: {
      const never: never = kind;
      return never;
    }
  }
}

function isText(tree: YamlTree): tree is string {
  return typeof tree === 'string' && tree.length <= MAX_TEXT_CHARS;
}

function switchOf(text: string): boolean | undefined {
  if (/^(true|yes|on|y)$/i.test(text)) return true;
  return /^(false|no|off|n)$/i.test(text) ? false : undefined;
}

/** A single word stands for a list of it. */
function listOf(tree: YamlTree): readonly string[] | undefined {
  if (isText(tree)) return [tree];
  return Array.isArray(tree) && tree.every(isText) ? tree : undefined;
}

function listsOf(tree: YamlTree): ReadonlyMap<string, readonly string[]> | undefined {
  if (!(tree instanceof Map)) return undefined;
  const lists = new Map<string, readonly string[]>();
  for (const [name, each] of tree as ReadonlyMap<string, YamlTree>) {
    const list = listOf(each);
    if (list === undefined) return undefined;
    lists.set(name, list);
  }
  return lists;
}
