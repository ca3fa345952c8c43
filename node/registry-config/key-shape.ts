// The table of keys as a tree, to walk a document and the parts of a variable's name along it.

import type { RegistryKey } from './registry-key.ts';
import type { RegistrySection } from './registry-section.ts';

/** A place in a configuration. */
export interface KeyShape {
  /** As in the table, `health.http[]` for the items of a list; '' at the top. */
  readonly path: string;
  /** Undefined for a group, whose keys are below it. */
  readonly row: RegistryKey | undefined;
  readonly children: ReadonlyMap<string, KeyShape>;
  /** The shape of the items when this is a list of groups. */
  readonly items: KeyShape | undefined;
  /** Names of the children in variables, in capitals. */
  readonly variableNames: ReadonlyMap<string, string>;
}

/** What lies under each name of a key of kind `lists`. */
export const LIST_OF_NAME: KeyShape = {
  path: '',
  row: { key: '', kind: 'list', treatment: { type: 'mapped', settings: [] } },
  children: new Map(),
  items: undefined,
  variableNames: new Map(),
};

interface Building {
  path: string;
  row: RegistryKey | undefined;
  children: Map<string, Building>;
  items: Building | undefined;
  variableNames: Map<string, string>;
}

/** The shape of a whole configuration. */
export function shapeOf(sections: readonly RegistrySection[]): KeyShape {
  const top = emptyShape('');
  for (const section of sections) {
    for (const row of section.keys) {
      let place = top;
      for (const name of row.key.split('.')) place = childOf(place, name, section.variableNames ?? {});
      place.row = row;
    }
  }
  return top;
}

function childOf(parent: Building, name: string, variableNames: Readonly<Record<string, string>>): Building {
  const isList = name.endsWith('[]');
  const plain = isList ? name.slice(0, -2) : name;
  const path = parent.path === '' ? plain : `${parent.path}.${plain}`;
  const child = parent.children.get(plain) ?? emptyShape(path);
  parent.children.set(plain, child);
  parent.variableNames.set(plain.toUpperCase(), plain);
  const other = variableNames[path];
  if (other !== undefined) parent.variableNames.set(other, plain);
  if (!isList) return child;
  child.items ??= emptyShape(`${path}[]`);
  return child.items;
}

function emptyShape(path: string): Building {
  return { path, row: undefined, children: new Map(), items: undefined, variableNames: new Map() };
}
