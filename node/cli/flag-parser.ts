// The command line as flags and operands. Everything that is wrong with it is told at once.

import { parseArgs } from 'node:util';
import { nearest } from '../../shared/runtime/nearest.ts';

/** How a flag is written. */
export interface FlagShape {
  readonly name: string;
  readonly takesValue: boolean;
  /** One letter that stands for it. */
  readonly short?: string;
}

/** A word that a command takes besides its flags. */
export interface Operand {
  /** What stands for it in help, for example `ID`. */
  readonly name: string;
  readonly isRequired: boolean;
}

export interface ParsedFlags {
  readonly flags: Readonly<Record<string, string | boolean>>;
  /** Words that are no flags, in order. */
  readonly operands: readonly string[];
  /** Empty when all is well. */
  readonly problems: readonly string[];
}

/**
 * Reads flags as `--name value`, `--name=value`, `--name` and `--no-name`, those with a letter as `-n`, `-n=value` and together, and
 * the operands between them.
 * @param args what follows the command's words.
 */
export function parseFlags(
  args: readonly string[],
  shapes: readonly FlagShape[],
  wanted: readonly Operand[] = [],
): ParsedFlags {
  const options = Object.fromEntries(
    shapes.map(({ name, takesValue, short }) => {
      const type = takesValue ? ('string' as const) : ('boolean' as const);
      return [name, short === undefined ? { type } : { type, short }];
    }),
  );
  const { tokens } = parseArgs({
    args: withoutShortValues(args, shapes),
    options: { ...options, help: { type: 'boolean', short: 'h' } },
    strict: false,
    allowNegative: true,
    tokens: true,
  });
  const flags: Record<string, string | boolean> = {};
  const operands: string[] = [];
  const problems: string[] = [];
  let unknownAt = Number.NaN;
  for (const token of tokens) {
    // A word after an unknown flag was meant as its value: one mistake, told once.
    const isOfUnknown = token.index === unknownAt + 1;
    if (token.kind === 'positional' && !isOfUnknown) {
      if (operands.length < wanted.length) operands.push(token.value);
      else problems.push(`"${token.value}" is one word too many`);
    }
    if (token.kind !== 'option') continue;
    const read = readOption(token, shapes);
    if ('problem' in read && read.isUnknown === true) unknownAt = token.index;
    if ('problem' in read) problems.push(read.problem);
    else if (read.name in flags) problems.push(`--${read.name} is given twice`);
    else flags[read.name] = read.value;
  }
  for (const { name, isRequired } of wanted.slice(operands.length)) {
    if (isRequired && flags['help'] !== true) problems.push(`${name} is missing`);
  }
  return { flags, operands, problems };
}

/** `-dm=true` as `-d --delete-untagged=true`: parseArgs takes what follows a letter for more letters, the equals sign too. */
function withoutShortValues(args: readonly string[], shapes: readonly FlagShape[]): string[] {
  const end = args.indexOf('--');
  const own = end === -1 ? args : args.slice(0, end);
  const read = own.flatMap((arg) => {
    const [, letters = '', last = '', value = ''] = /^-([A-Za-z]*)([A-Za-z])=(.*)$/s.exec(arg) ?? [];
    if (last === '') return [arg];
    const name = shapes.find(({ short }) => short === last)?.name;
    const lastWithValue = name === undefined ? `-${last}` : `--${name}=${value}`;
    return letters === '' ? [lastWithValue] : [`-${letters}`, lastWithValue];
  });
  return end === -1 ? read : [...read, ...args.slice(end)];
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

type ReadOption =
  | { readonly name: string; readonly value: string | boolean }
  | { readonly problem: string; readonly isUnknown?: boolean };

function readOption(token: OptionToken, shapes: readonly FlagShape[]): ReadOption {
  const { rawName, value } = token;
  if (token.name === 'help') return { name: 'help', value: true };
  const shape = shapes.find(({ name }) => name === token.name);
  if (shape === undefined) {
    const meant = nearest(
      token.name,
      shapes.map(({ name }) => name),
    );
    return {
      problem: `there is no flag ${rawName}${meant === undefined ? '' : `; did you mean --${meant}?`}`,
      isUnknown: true,
    };
  }
  const { name, takesValue } = shape;
  const isNegated = rawName === `--no-${name}`;
  if (!takesValue) {
    if (value === undefined) return { name, value: !isNegated };
    return isNegated ? { problem: `${rawName} takes no value` } : { name, value };
  }
  if (isNegated) return { problem: `there is no flag ${rawName}` };
  const isMissing = value === undefined || (token.inlineValue !== true && value.startsWith('-'));
  return isMissing ? { problem: `--${name} needs a value` } : { name, value };
}
