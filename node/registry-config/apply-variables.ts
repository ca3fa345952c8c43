// REGISTRY_… variables over a configuration, by the rule of the original: names in byte order, split at every underscore,
// matched without regard to case, values read as YAML; a name alone replaces all below it; an index of a list may be that
// of an item or the next one.

import type { YamlTree } from '../../shared/runtime/bounded-yaml.ts';
import { LIST_OF_NAME, type KeyShape } from './key-shape.ts';

/** Items that a list gets from variables; a higher index is an error. */
const MAX_ITEMS = 1000;

/** One variable with its value as YAML. */
export interface Variable {
  /** With its prefix. */
  readonly name: string;
  readonly value: YamlTree;
}

export interface AppliedVariables {
  readonly tree: YamlTree;
  /** Where each variable went, in their order: the last that is at or above a key gave it its value. */
  readonly places: readonly { readonly path: string; readonly name: string }[];
  /** Variables that name no key; the original only warns of them, as Kubernetes makes some for a service named `registry`. */
  readonly unknown: readonly string[];
  readonly problems: readonly string[];
}

export const VARIABLE_PREFIX = 'REGISTRY_';

/** @param tree the file; '' when there is none. @param variables in any order. */
export function applyVariables(tree: YamlTree, shape: KeyShape, variables: readonly Variable[]): AppliedVariables {
  const places: { path: string; name: string }[] = [];
  const unknown: string[] = [];
  const problems: string[] = [];
  let current = tree;
  for (const { name, value } of variables.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const parts = name.slice(VARIABLE_PREFIX.length).split('_');
    const written = overwrite({ tree: current, shape, path: '' }, parts, value);
    switch (written.type) {
      case 'written':
        current = written.tree;
        places.push({ path: written.path, name });
        break;
      case 'unknown':
        unknown.push(name);
        break;
      case 'wrong':
        problems.push(`${name}: ${written.problem}`);
        break;
      default: {
        const never: never = written;
        return never;
      }
    }
  }
  return { tree: current, places, unknown, problems };
}

interface Place {
  readonly tree: YamlTree | undefined;
  /** Undefined within what nobody looks into. */
  readonly shape: KeyShape | undefined;
  readonly path: string;
}

type Written =
  | { readonly type: 'written'; readonly tree: YamlTree; readonly path: string }
  | { readonly type: 'unknown' }
  | { readonly type: 'wrong'; readonly problem: string };

function overwrite(place: Place, parts: readonly string[], value: YamlTree): Written {
  const [part, ...rest] = parts;
  if (part === undefined) return { type: 'written', tree: value, path: place.path };
  const { shape } = place;
  if (shape?.items !== undefined || shape?.row?.kind === 'list') return overwriteItem(place, parts, value);
  const isFree = shape === undefined || shape.row?.kind === 'lists' || shape.row?.kind === 'any';
  const name = shape?.variableNames.get(part.toUpperCase());
  // Below a choice an unknown name becomes a key, and is then refused as one: it must not be overlooked.
  if (name === undefined && !isFree && shape.row?.kind !== 'choice') return { type: 'unknown' };
  const map = mapOf(place);
  const own = [...map.keys()].find((key) => key.toUpperCase() === (name ?? part).toUpperCase());
  const key = own ?? name ?? part.toLowerCase();
  const below: Place = {
    tree: map.get(key),
    shape: shape?.row?.kind === 'lists' ? LIST_OF_NAME : shape?.children.get(key),
    path: place.path === '' ? key : `${place.path}.${key}`,
  };
  const written = overwrite(below, rest, value);
  if (written.type !== 'written') return written;
  return { ...written, tree: new Map([...map, [key, written.tree]]) };
}

function overwriteItem(place: Place, parts: readonly string[], value: YamlTree): Written {
  const [part = '', ...rest] = parts;
  const items = Array.isArray(place.tree) ? (place.tree as readonly YamlTree[]) : [];
  const index = /^\d{1,6}$/.test(part) ? Number(part) : Number.NaN;
  if (Number.isNaN(index)) return { type: 'unknown' };
  if (index > items.length || index >= MAX_ITEMS) {
    return {
      type: 'wrong',
      problem: `there is no item ${index}: the next one is ${items.length}, and variables are taken by name`,
    };
  }
  const below: Place = { tree: items[index], shape: place.shape?.items, path: `${place.path}[${index}]` };
  if (below.shape === undefined && rest.length > 0) return { type: 'unknown' };
  const written = overwrite(below, rest, value);
  if (written.type !== 'written') return written;
  return { ...written, tree: items.toSpliced(index, 1, written.tree) };
}

/** What lies at a place as a map; a word at a choice is the key of that name. */
function mapOf({ tree, shape }: Place): ReadonlyMap<string, YamlTree> {
  if (tree instanceof Map) return tree as ReadonlyMap<string, YamlTree>;
  if (shape?.row?.kind === 'choice' && typeof tree === 'string' && tree !== '') return new Map([[tree, '']]);
  return new Map();
}
