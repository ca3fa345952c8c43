// Settings of a program from the command line, the environment and a file, in this order of precedence, then defaults.
// Everything that is wrong is told at once, each with where it stands and what to write instead.

import { readFile } from 'node:fs/promises';
import type { Static, TObject } from 'typebox';
import { Check } from 'typebox/value';
import { readYamlValue } from './bounded-yaml.ts';
import { AppError, invariant } from './errors.ts';
import { nearest } from './nearest.ts';
import { parseSetting } from './setting-value.ts';
import { settingsOf, type Setting, type SettingValue } from './settings.ts';

/** Variables of others under our prefix: the tests', and those that Kubernetes makes for a service named `shoal`. */
const FOREIGN_VARIABLE = /^SHOAL_(TEST_|SERVICE_|PORT$|PORT_\d)/;

export interface ConfigSources {
  /** By name without dashes; the command line has already refused unknown ones. */
  readonly flags: Readonly<Record<string, string | boolean>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** YAML; SHOAL_CONFIG names it too. */
  readonly file?: string | undefined;
  /** Defaults of this command by key, in the place of the schema's. */
  readonly defaults?: Readonly<Record<string, SettingValue>>;
  /** What another form of configuration gave, by key; a file of ours wins over it. */
  readonly given?: ReadonlyMap<string, Given>;
  /** Settings of the other programs: known in the file and in the environment, so that hosts may share both. */
  readonly alsoKnown?: readonly TObject[];
}

/** A value that was given for a setting. */
export interface Given {
  /** For messages: `--http`, `SHOAL_HTTP`, `http in shoal.yml`. */
  readonly source: string;
  readonly raw: unknown;
}

/** @throws {AppError} `config_invalid` with one line for each thing that is wrong. */
export async function loadConfig<S extends TObject>(schema: S, sources: ConfigSources): Promise<Readonly<Static<S>>> {
  const settings = settingsOf(schema);
  const known = [...settings, ...(sources.alsoKnown ?? []).flatMap(settingsOf)];
  const file = sources.file ?? sources.environment['SHOAL_CONFIG'];
  const problems: string[] = unknownVariables(sources.environment, known);
  const inFile = file === undefined ? new Map<string, Given>() : await readFileSettings(file, known, problems);
  const values: Record<string, unknown> = {};
  for (const setting of settings) {
    const given = givenFor(setting, sources, inFile);
    const value =
      given === undefined ? (sources.defaults?.[setting.key] ?? setting.default) : checked(setting, given, problems);
    put(values, setting.path, value);
  }
  if (problems.length > 0) {
    const head = problems.length === 1 ? 'a setting is wrong' : `${problems.length} settings are wrong`;
    throw new AppError('config_invalid', [`${head}:`, ...problems.map((problem) => `  ${problem}`)].join('\n'));
  }
  invariant(Check(schema, values), 'settings that were each checked fit their schema');
  return values;
}

function givenFor(setting: Setting, sources: ConfigSources, inFile: ReadonlyMap<string, Given>): Given | undefined {
  const flag = sources.flags[setting.flag];
  if (flag !== undefined) return { source: `--${setting.flag}`, raw: flag };
  const variable = sources.environment[setting.environment];
  // An empty variable is what a unit file or a compose file leaves when it has nothing to say.
  if (variable !== undefined && variable !== '') return { source: setting.environment, raw: variable };
  return inFile.get(setting.key) ?? sources.given?.get(setting.key);
}

function checked(setting: Setting, given: Given, problems: string[]): SettingValue | undefined {
  const parsed = parseSetting(setting, given.raw);
  if (parsed.type === 'value') return parsed.value;
  problems.push(`${given.source}: ${parsed.problem}`);
  return undefined;
}

function put(values: Record<string, unknown>, path: readonly string[], value: SettingValue | undefined): void {
  let target = values;
  for (const name of path.slice(0, -1)) {
    const inner: Record<string, unknown> = isRecord(target[name]) ? target[name] : {};
    target[name] = inner;
    target = inner;
  }
  const last = path.at(-1);
  if (last !== undefined && value !== undefined) target[last] = value;
}

function unknownVariables(environment: ConfigSources['environment'], known: readonly Setting[]): string[] {
  const names = [...known.map((setting) => setting.environment), 'SHOAL_CONFIG'];
  return Object.keys(environment)
    .filter((name) => name.startsWith('SHOAL_') && !names.includes(name) && !FOREIGN_VARIABLE.test(name))
    .map((name) => `${name}: there is no such setting${didYouMean(name, names)}`);
}

/** Reads the file into settings by key; what is unknown in it goes to `problems`. */
async function readFileSettings(
  path: string,
  known: readonly Setting[],
  problems: string[],
): Promise<ReadonlyMap<string, Given>> {
  const found = new Map<string, Given>();
  const text = await readText(path);
  const read = await readYamlValue(text);
  if (read.type === 'wrong') {
    problems.push(`${path}: ${read.problem}`);
    return found;
  }
  const content = read.value;
  if (content === null || content === undefined) return found; // an empty file says nothing
  if (isRecord(content)) collect({ path, known, problems, found }, content, '');
  else problems.push(`${path}: write settings as "name: value", one per line`);
  return found;
}

interface FileReading {
  readonly path: string;
  readonly known: readonly Setting[];
  readonly problems: string[];
  readonly found: Map<string, Given>;
}

function collect(reading: FileReading, content: Readonly<Record<string, unknown>>, above: string): void {
  const { path, known, problems, found } = reading;
  for (const [name, raw] of Object.entries(content)) {
    const key = `${above}${name}`;
    const isGroup = known.some((setting) => setting.key.startsWith(`${key}.`));
    if (known.some((setting) => setting.key === key)) {
      if (raw !== null) found.set(key, { source: `${key} in ${path}`, raw });
    } else if (isGroup && isRecord(raw)) {
      collect(reading, raw, `${key}.`);
    } else if (isGroup) {
      if (raw !== null) problems.push(`${key} in ${path}: write its settings indented below it`);
    } else {
      problems.push(
        `${key} in ${path}: there is no such setting${didYouMean(
          key,
          known.map((setting) => setting.key),
        )}`,
      );
    }
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('config_invalid', `cannot read the configuration file: ${reason}`, { cause });
  }
}

function didYouMean(name: string, names: readonly string[]): string {
  const meant = nearest(name, names);
  return meant === undefined ? '' : `; did you mean ${meant}?`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
