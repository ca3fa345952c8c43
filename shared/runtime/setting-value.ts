// What people write for a setting, as a value, and values as people write them. Pure.

import { Errors } from 'typebox/value';
import { isHostPort } from './host-port.ts';
import { isLabel, MAX_LABEL_CHARS } from './label.ts';
import { nearest } from './nearest.ts';
import type { Setting, SettingValue } from './settings.ts';

export type ParsedSetting =
  | { readonly type: 'value'; readonly value: SettingValue }
  | { readonly type: 'wrong'; /** What is wrong and what to write instead. */ readonly problem: string };

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const DURATION_UNITS: readonly (readonly [RegExp, number])[] = [
  [/^(ms|milliseconds?)$/, 1],
  [/^(s|sec|seconds?)$/, SECOND_MS],
  [/^(m|min|minutes?)$/, MINUTE_MS],
  [/^(h|hours?)$/, HOUR_MS],
  [/^(d|days?)$/, DAY_MS],
];
const BYTE_UNITS: readonly (readonly [RegExp, number])[] = [
  [/^(b|bytes?)$/, 1],
  [/^(k|kib)$/, 1024],
  [/^(m|mib)$/, 1024 ** 2],
  [/^(g|gib)$/, 1024 ** 3],
  [/^(t|tib)$/, 1024 ** 4],
  [/^kb$/, 1000],
  [/^mb$/, 1000 ** 2],
  [/^gb$/, 1000 ** 3],
  [/^tb$/, 1000 ** 4],
];

const BIT_UNITS: readonly (readonly [RegExp, number])[] = [
  [/^kbit$/, 1000 / 8],
  [/^mbit$/, 1000 ** 2 / 8],
  [/^gbit$/, 1000 ** 3 / 8],
];

/** Reads what a flag, a variable or a file gives. Files give numbers and booleans besides text. */
export function parseSetting(setting: Setting, raw: unknown): ParsedSetting {
  switch (setting.kind) {
    case 'text':
      return parseText(setting, raw);
    case 'label':
      if (typeof raw === 'string' && isLabel(raw)) return { type: 'value', value: raw };
      return wrong(
        setting,
        raw,
        `write letters, digits, dots, dashes or underscores, ${MAX_LABEL_CHARS} at most, for example eu-west-1a`,
      );
    case 'address':
      if (typeof raw === 'string' && isHostPort(raw)) return { type: 'value', value: raw };
      return wrong(setting, raw, 'write host:port, for example 127.0.0.1:5000');
    case 'switch':
      return parseSwitch(setting, raw);
    case 'count':
      return inRange(setting, raw, wholeNumber(raw));
    case 'duration':
      return inRange(setting, raw, wholeNumber(raw) ?? withUnit(raw, DURATION_UNITS));
    case 'bytes':
      return inRange(setting, raw, wholeNumber(raw) ?? withUnit(raw, BYTE_UNITS));
    case 'rate':
      return inRange(setting, raw, wholeNumber(raw) ?? rateWithUnit(raw));
    case 'choice':
      return parseChoice(setting, raw);
    case 'list':
      return parseList(setting, raw);
    case 'structure':
      return parseStructure(setting, raw);
    default: {
      const never: never = setting.kind;
      return never;
    }
  }
}

/** A value as a person would write it: `30s`, `256MiB`, `on`. */
export function showSetting(setting: Setting, value: SettingValue): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (typeof value === 'string') return value;
  if (typeof value === 'object') return showCollection(setting, value);
  if (setting.kind === 'duration')
    return largestUnit(value, [
      [DAY_MS, 'd'],
      [HOUR_MS, 'h'],
      [MINUTE_MS, 'm'],
      [SECOND_MS, 's'],
      [1, 'ms'],
    ]);
  if (setting.kind === 'rate')
    return `${largestUnit(value, [
      [1024 ** 3, 'GiB'],
      [1000 ** 3, 'GB'],
      [1024 ** 2, 'MiB'],
      [1000 ** 2, 'MB'],
      [1024, 'KiB'],
      [1000, 'kB'],
      [1, 'B'],
    ])}/s`;
  if (setting.kind === 'bytes')
    return largestUnit(value, [
      [1024 ** 4, 'TiB'],
      [1024 ** 3, 'GiB'],
      [1024 ** 2, 'MiB'],
      [1000 ** 2, 'MB'],
      [1024, 'KiB'],
      [1, 'B'],
    ]);
  return String(value);
}

function showCollection(setting: Setting, value: object): string {
  const isEmpty = Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0;
  if (isEmpty) return 'none';
  return setting.kind === 'list' && Array.isArray(value) ? value.join(', ') : JSON.stringify(value);
}

function parseText(setting: Setting, raw: unknown): ParsedSetting {
  const text = typeof raw === 'number' ? String(raw) : raw;
  if (typeof text === 'string' && text.trim() !== '' && text.length <= 4096) return { type: 'value', value: text };
  return wrong(setting, raw, 'write some text');
}

function parseSwitch(setting: Setting, raw: unknown): ParsedSetting {
  const word = typeof raw === 'string' ? raw.trim().toLowerCase() : raw;
  if (word === true || word === 'true' || word === 'on' || word === 'yes' || word === '1')
    return { type: 'value', value: true };
  if (word === false || word === 'false' || word === 'off' || word === 'no' || word === '0')
    return { type: 'value', value: false };
  return wrong(setting, raw, 'write true or false');
}

function parseChoice(setting: Setting, raw: unknown): ParsedSetting {
  const { choices } = setting;
  if (typeof raw === 'string' && choices.includes(raw)) return { type: 'value', value: raw };
  const meant = typeof raw === 'string' ? nearest(raw, choices) : undefined;
  const advice = `write one of ${choices.join(', ')}`;
  return wrong(setting, raw, meant === undefined ? advice : `${advice}; did you mean ${meant}?`);
}

function parseList(setting: Setting, raw: unknown): ParsedSetting {
  const words: unknown =
    typeof raw === 'string'
      ? raw
          .split(',')
          .map((word) => word.trim())
          .filter((word) => word !== '')
      : raw;
  const isList = Array.isArray(words) && words.length <= (setting.maxItems ?? 100) && words.every(isWord);
  if (isList) return { type: 'value', value: words };
  return wrong(setting, raw, `write at most ${setting.maxItems ?? 100} words, in a flag with commas between them`);
}

function parseStructure(setting: Setting, raw: unknown): ParsedSetting {
  const { shape } = setting;
  const advice = `write it like ${setting.example}`;
  const value = typeof raw === 'string' ? jsonOf(raw) : raw;
  if (shape === undefined || typeof value !== 'object' || value === null) return wrong(setting, raw, advice);
  const [error] = Errors(shape, value);
  if (error === undefined) return { type: 'value', value: value as SettingValue };
  return wrong(setting, raw, `${reasonOf(error)}; ${advice}`);
}

/** What is wrong within a structure: `[0].url must be string`. */
function reasonOf(error: ReturnType<typeof Errors>[number]): string {
  const parts = error.instancePath.split('/').slice(1);
  const at = (below: readonly string[]): string =>
    below
      .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
      .join('')
      .replace(/^\./, '');
  if (error.keyword === 'required') {
    const missing = error.params.requiredProperties.map((name) => at([...parts, name]));
    return `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing`;
  }
  // What no schema allows.
  if (error.keyword === 'boolean') return `there is no ${at(parts)}`;
  return parts.length === 0 ? error.message : `${at(parts)} ${error.message}`;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller says how it is written
  }
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= 4096;
}

function inRange(setting: Setting, raw: unknown, value: number | undefined): ParsedSetting {
  const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = setting;
  const range = `from ${showSetting(setting, minimum)} to ${showSetting(setting, maximum)}`;
  if (value === undefined) return wrong(setting, raw, `write ${exampleOf(setting)}, ${range}`);
  if (value < minimum || value > maximum) return wrong(setting, raw, `write something ${range}`);
  return { type: 'value', value };
}

function exampleOf({ kind }: Setting): string {
  if (kind === 'rate') return 'a rate like 200MB/s, 25MiB/s or 1Gbit/s';
  if (kind === 'duration') return 'a duration like 500ms, 30s, 5m, 2h or 7d';
  return kind === 'bytes' ? 'a size like 512KiB, 256MiB or 10GiB' : 'a whole number';
}

function wholeNumber(raw: unknown): number | undefined {
  const value = typeof raw === 'string' && /^\s*\d{1,16}\s*$/.test(raw) ? Number(raw) : raw;
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

function withUnit(raw: unknown, units: readonly (readonly [RegExp, number])[]): number | undefined {
  const [, digits, unit] =
    typeof raw === 'string' ? (/^\s*(\d{1,12}(?:\.\d{1,6})?)\s*([A-Za-z]{1,12})\s*$/.exec(raw) ?? []) : [];
  const factor = units.find(([pattern]) => unit !== undefined && pattern.test(unit.toLowerCase()))?.[1];
  if (digits === undefined || factor === undefined) return undefined;
  const value = Math.round(Number(digits) * factor);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** `200MB/s` in bytes, `1Gbit/s` in bits; the part after the slash may be left out where a size stands. */
function rateWithUnit(raw: unknown): number | undefined {
  if (typeof raw !== 'string') return undefined;
  const amount = raw.replace(/\s*\/\s*s(ec)?\s*$/i, '');
  return wholeNumber(amount) ?? withUnit(amount, [...BYTE_UNITS, ...BIT_UNITS]);
}

function largestUnit(value: number, units: readonly (readonly [number, string])[]): string {
  for (const [factor, unit] of units) if (value >= factor && value % factor === 0) return `${value / factor}${unit}`;
  return String(value);
}

function wrong(setting: Setting, raw: unknown, advice: string): ParsedSetting {
  const shown = setting.isSecret ? 'this' : (JSON.stringify(raw)?.slice(0, 120) ?? String(raw));
  return { type: 'wrong', problem: `${shown} is not right; ${advice}` };
}
