// A registry configuration, file and variables, as settings of ours. Everything that is wrong is told at once.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readYamlTree, type YamlTree } from '../../shared/runtime/bounded-yaml.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { applyVariables, VARIABLE_PREFIX, type Variable } from './apply-variables.ts';
import { checkDocument, type CheckedDocument } from './check-document.ts';
import { shapeOf, type KeyShape } from './key-shape.ts';
import { REGISTRY_SECTIONS } from './registry-sections.ts';
import type { GivenSetting } from './registry-key.ts';

/** Names the file to those who start the original without an argument. */
export const PATH_VARIABLE = 'REGISTRY_CONFIGURATION_PATH';
/** What Kubernetes makes for a service named `registry` is nobody's mistake. */
const FOREIGN_VARIABLE = /^REGISTRY_(SERVICE_(HOST|PORT)|PORT)(_|$)/;

export interface RegistryConfig {
  readonly settings: readonly GivenSetting[];
  /** Keys without effect, with the reason; for the log. */
  readonly ignored: CheckedDocument['ignored'];
  /** Variables that name no key; for the log. */
  readonly unknownVariables: readonly string[];
}

/**
 * Reads file and variables.
 * @param sources.path the file; without one everything comes from variables and defaults.
 * @throws {AppError} `config_invalid` with one line for each thing that is wrong.
 */
export async function readRegistryConfig(sources: {
  readonly path: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}): Promise<RegistryConfig> {
  const { path, environment } = sources;
  const problems: string[] = [];
  const shape = shapeOf(REGISTRY_SECTIONS);
  const file = path === undefined ? '' : await readFileTree(path, problems);
  const variables = await readVariables(environment, problems);
  const config = mapConfig({ file, path, variables, shape, problems });
  if (problems.length === 0) return config;
  const head = problems.length === 1 ? 'a setting is wrong' : `${problems.length} settings are wrong`;
  throw new AppError('config_invalid', [`${head}:`, ...problems.map((problem) => `  ${problem}`)].join('\n'));
}

function mapConfig(given: {
  readonly file: YamlTree;
  readonly path: string | undefined;
  readonly variables: readonly Variable[];
  readonly shape: KeyShape;
  readonly problems: string[];
}): RegistryConfig {
  const { file, path, shape, problems } = given;
  const applied = applyVariables(file, shape, given.variables);
  const checked = checkDocument(applied.tree, shape, (key) => {
    const variable = applied.places.findLast((place) => isAtOrAbove(place.path, key) || isAtOrAbove(key, place.path));
    if (variable !== undefined) return variable.name;
    return key === '' ? (path ?? '') : `${key} in ${path ?? 'the configuration'}`;
  });
  problems.push(...applied.problems, ...checked.problems);
  const settings = REGISTRY_SECTIONS.flatMap(({ keys, settings: map }) => [
    ...keys.flatMap(({ key, treatment }): GivenSetting[] => {
      const value = treatment.type === 'setting' ? checked.values.any(key) : undefined;
      if (treatment.type !== 'setting' || value === undefined) return [];
      const raw: unknown = value instanceof Map ? Object.fromEntries(value) : value;
      return [{ key: treatment.setting, raw, source: checked.values.source(key) }];
    }),
    ...(map?.(checked.values, problems) ?? []),
  ]);
  return { settings, ignored: checked.ignored, unknownVariables: applied.unknown };
}

function isAtOrAbove(path: string, key: string): boolean {
  return key === path || key.startsWith(`${path}.`) || key.startsWith(`${path}[`);
}

async function readFileTree(path: string, problems: string[]): Promise<YamlTree> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new AppError('config_invalid', `cannot read the registry configuration: ${unreadable(path, cause)}`, {
      cause,
    });
  }
  const read = await readYamlTree(text);
  if (read.type === 'value') return read.value;
  problems.push(`${path}: ${read.problem}`);
  return '';
}

function unreadable(path: string, cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOENT') return `${path} is not there; without a file everything comes from variables and defaults`;
  if (code === 'EISDIR') return `${path} is a folder; name the file in it, as in ${join(path, 'config.yml')}`;
  if (code === 'EACCES') return `${path} may not be read by this user`;
  return `${path}: ${cause instanceof Error ? cause.message : String(cause)}`;
}

async function readVariables(
  environment: Readonly<Record<string, string | undefined>>,
  problems: string[],
): Promise<readonly Variable[]> {
  const variables: Variable[] = [];
  for (const [name, text] of Object.entries(environment)) {
    const isOurs = name.startsWith(VARIABLE_PREFIX) && name !== PATH_VARIABLE && !FOREIGN_VARIABLE.test(name);
    if (!isOurs || text === undefined) continue;
    const read = await readYamlTree(text);
    if (read.type === 'value') variables.push({ name, value: read.value });
    else
      problems.push(
        `${name}: ${read.problem}; values are YAML, so put text with special characters into quotes: '"…"'`,
      );
  }
  return variables;
}
