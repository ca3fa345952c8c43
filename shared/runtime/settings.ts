// The kinds of settings, and how a schema of settings is read.
//
// A program's settings are one TypeBox object of objects. Each leaf is made by a function below and says in
// its description what it does and why its default is what it is. The names follow from the key:
//
//   key in the file      flag                    environment
//   durability.waitMs    --durability-wait-ms    SHOAL_DURABILITY_WAIT_MS

import Type, { type Static, type TObject, type TSchema, type TUnsafe } from 'typebox';
import { Check } from 'typebox/value';
import { invariant } from './errors.ts';
import { isHostPort } from './host-port.ts';
import { isLabel } from './label.ts';

export type SettingKind =
  | 'text'
  | 'label'
  | 'address'
  | 'switch'
  | 'count'
  | 'duration'
  | 'bytes'
  | 'rate'
  | 'choice'
  | 'list'
  | 'structure';

export type SettingValue = string | number | boolean | readonly unknown[] | Readonly<Record<string, unknown>>;

interface About<T> {
  readonly description: string;
  /** Taken up by a running program at SIGHUP (node/cli/reload-settings.ts). */
  readonly isReloadable?: boolean;
  /** Of a setting without a default: in words, what holds when it is not given. */
  readonly whenAbsent?: string;
  readonly default?: T;
}
interface Range {
  readonly minimum: number;
  readonly maximum: number;
}

/** Any text that is not empty. @param about.isSecret keeps it out of messages. @param about.placeholder stands for it in help. */
export function text(
  about: About<string> & { readonly isSecret?: boolean; readonly placeholder?: string },
): TUnsafe<string> {
  return Type.Unsafe<string>({ type: 'string', minLength: 1, maxLength: 4096, setting: 'text', ...about });
}

/** A name for a place: letters, digits, dots, dashes and underscores, 63 at most. */
export function label(about: About<string>): TUnsafe<string> {
  return Type.Refine(
    Type.Unsafe<string>({ type: 'string', setting: 'label', ...about }),
    (value) => typeof value === 'string' && isLabel(value),
  );
}

/** `host:port` */
export function address(about: About<string>): TUnsafe<string> {
  return Type.Refine(
    Type.Unsafe<string>({ type: 'string', setting: 'address', ...about }),
    (value) => typeof value === 'string' && isHostPort(value),
  );
}

/** On or off. */
export function onOff(about: About<boolean>): TUnsafe<boolean> {
  return Type.Unsafe<boolean>({ type: 'boolean', setting: 'switch', ...about });
}

/** A whole number. */
export function count(about: About<number> & Range): TUnsafe<number> {
  return Type.Unsafe<number>({ type: 'integer', setting: 'count', ...about });
}

/** Milliseconds; written as a number of them or like `500ms`, `30s`, `5 minutes`, `2h`, `7 days`. */
export function duration(about: About<number> & Range): TUnsafe<number> {
  return Type.Unsafe<number>({ type: 'integer', setting: 'duration', ...about });
}

/** Bytes; written as a number of them or like `512KiB`, `256MiB`, `10GiB`, `1TiB`. */
export function bytes(about: About<number> & Range): TUnsafe<number> {
  return Type.Unsafe<number>({ type: 'integer', setting: 'bytes', ...about });
}

/** Bytes per second; written as a number of them or like `200MB/s`, `25MiB/s`, `1Gbit/s`. */
export function rate(about: About<number> & Range): TUnsafe<number> {
  return Type.Unsafe<number>({ type: 'integer', setting: 'rate', ...about });
}

/** One of a few words. */
export function choice<const C extends readonly string[]>(
  about: About<C[number]> & { readonly choices: C },
): TUnsafe<C[number]> {
  return Type.Unsafe<C[number]>({ type: 'string', enum: [...about.choices], setting: 'choice', ...about });
}

/** Some words; in flags and variables with commas between them. */
export function list(about: About<readonly string[]> & { readonly maxItems: number }): TUnsafe<readonly string[]> {
  return Type.Unsafe<readonly string[]>({
    type: 'array',
    items: { type: 'string', minLength: 1, maxLength: 4096 },
    setting: 'list',
    ...about,
  });
}

/**
 * Names with values, or a list of such; in flags and variables as JSON.
 * @param about.example one line of JSON, for messages and documents. @param about.isSecret keeps what was given out of messages.
 */
export function structure<S extends TSchema>(
  schema: S,
  about: About<Static<S>> & { readonly example: string; readonly isSecret?: boolean },
): TUnsafe<Static<S>> {
  return Type.Refine(Type.Unsafe<Static<S>>({ setting: 'structure', ...about, shape: schema }), (value) =>
    Check(schema, value),
  );
}

/** One setting of a schema. */
export interface Setting {
  /** As in the file, `durability.waitMs`. */
  readonly key: string;
  readonly path: readonly string[];
  /** Without the two dashes. */
  readonly flag: string;
  readonly environment: string;
  readonly kind: SettingKind;
  readonly description: string;
  readonly default: SettingValue | undefined;
  readonly choices: readonly string[];
  readonly minimum: number | undefined;
  readonly maximum: number | undefined;
  readonly maxItems: number | undefined;
  readonly isSecret: boolean;
  readonly isReloadable: boolean;
  /** In words, what holds when it is not given and has no default; '' when that needs no words. */
  readonly whenAbsent: string;
  /** What stands for a value in help. */
  readonly placeholder: string;
  /** Of a structure: what fits it. */
  readonly shape: TSchema | undefined;
  /** Of a structure: one line of JSON. */
  readonly example: string;
}

const Leaf = Type.Object({
  setting: Type.Union(
    (
      [
        'text',
        'label',
        'address',
        'switch',
        'count',
        'duration',
        'bytes',
        'rate',
        'choice',
        'list',
        'structure',
      ] as const
    ).map((kind) => Type.Literal(kind)),
  ),
  description: Type.String({ minLength: 1 }),
  default: Type.Optional(
    Type.Union([
      Type.String(),
      Type.Number(),
      Type.Boolean(),
      Type.Array(Type.Unknown()),
      Type.Record(Type.String(), Type.Unknown()),
    ]),
  ),
  choices: Type.Optional(Type.Array(Type.String())),
  minimum: Type.Optional(Type.Number()),
  maximum: Type.Optional(Type.Number()),
  maxItems: Type.Optional(Type.Number()),
  isSecret: Type.Optional(Type.Boolean()),
  isReloadable: Type.Optional(Type.Boolean()),
  whenAbsent: Type.Optional(Type.String()),
  placeholder: Type.Optional(Type.String()),
  example: Type.Optional(Type.String()),
});

const PLACEHOLDERS: Readonly<Record<SettingKind, string>> = {
  text: 'TEXT',
  label: 'NAME',
  address: 'HOST:PORT',
  switch: '',
  count: 'NUMBER',
  duration: 'TIME',
  bytes: 'SIZE',
  rate: 'RATE',
  choice: '',
  list: 'TEXT,TEXT…',
  structure: 'JSON',
};

/** Every setting of a schema, in its order. */
export function settingsOf(schema: TObject): readonly Setting[] {
  return leaves(schema, []);
}

function leaves(schema: TObject, above: readonly string[]): Setting[] {
  const found: Setting[] = [];
  for (const [name, part] of Object.entries(schema.properties)) {
    const path = [...above, name];
    if (Type.IsObject(part)) found.push(...leaves(part, path));
    else found.push(settingAt(path, part));
  }
  return found;
}

function settingAt(path: readonly string[], schema: TSchema): Setting {
  const leaf: unknown = schema;
  invariant(Check(Leaf, leaf), `the setting ${path.join('.')} is made by a function of settings.ts`);
  const words = path.flatMap((name) => name.split(/(?=[A-Z])/)).map((word) => word.toLowerCase());
  return {
    key: path.join('.'),
    path,
    flag: words.join('-'),
    environment: `SHOAL_${words.join('_').toUpperCase()}`,
    kind: leaf.setting,
    description: leaf.description,
    default: leaf.default,
    choices: leaf.choices ?? [],
    minimum: leaf.minimum,
    maximum: leaf.maximum,
    maxItems: leaf.maxItems,
    isSecret: leaf.isSecret ?? false,
    isReloadable: leaf.isReloadable ?? false,
    whenAbsent: leaf.whenAbsent ?? '',
    placeholder: leaf.placeholder ?? leaf.choices?.join('|') ?? PLACEHOLDERS[leaf.setting],
    shape: 'shape' in schema && Type.IsSchema(schema.shape) ? schema.shape : undefined,
    example: leaf.example ?? '',
  };
}
