// Sizes, rates, times and shares as people write them on the command line. Pure.

import { UsageError } from '../benchmarks/flag-values.ts';

type Units = Readonly<Record<string, number>>;

const BYTES: Units = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};
const RATES: Units = {
  ...Object.fromEntries(Object.entries(BYTES).map(([unit, bytes]) => [`${unit}/s`, bytes])),
  'kbit/s': 1e3 / 8,
  'Mbit/s': 1e6 / 8,
  'Gbit/s': 1e9 / 8,
};
const TIMES: Units = { us: 0.001, ms: 1, s: 1000, min: 60_000 };

/** Bytes. @throws {UsageError} */
export function parseSize(flag: string, text: string): number {
  return quantity(flag, text, { units: BYTES, what: 'a size', example: '3000MB or 1GiB' });
}

/** Bytes per second. @throws {UsageError} */
export function parseRate(flag: string, text: string): number {
  return quantity(flag, text, { units: RATES, what: 'a rate', example: '300MB/s or 10Gbit/s' });
}

/** Milliseconds; 0 without a unit is a time too. @throws {UsageError} */
export function parseTime(flag: string, text: string): number {
  if (text === '0') return 0;
  return quantity(flag, text, { units: TIMES, what: 'a time', example: '0.5ms or 30s', mayBeZero: true });
}

/** A part of one: `10%` is 0.1. @throws {UsageError} unless above 0 and at most 100 %. */
export function parseShare(flag: string, text: string): number {
  const [, digits] = /^(\d+(?:\.\d+)?)%$/.exec(text) ?? [];
  const share = Number(digits) / 100;
  if (share > 0 && share <= 1) return share;
  throw new UsageError(`${flag} takes a share above 0% and up to 100%, for example 10%, not '${text}'`);
}

/** So many of `total`: a whole number, or a share such as `5%`. @throws {UsageError} when it is more than `most`. */
export function parsePart(flag: string, text: string, of: { readonly total: number; readonly most: number }): number {
  const [, digits, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  const count = percent === '%' ? Math.round((Number(digits) / 100) * of.total) : Number(digits);
  if (Number.isInteger(count) && count <= of.most) return count;
  throw new UsageError(`${flag} takes a number up to ${of.most}, or a share such as 5%, not '${text}'`);
}

function quantity(
  flag: string,
  text: string,
  kind: { readonly units: Units; readonly what: string; readonly example: string; readonly mayBeZero?: boolean },
): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*([A-Za-z/]+)$/.exec(text) ?? [];
  const factor = Object.hasOwn(kind.units, unit) ? kind.units[unit] : undefined;
  const value = Number(digits) * (factor ?? Number.NaN);
  if (Number.isFinite(value) && (value > 0 || kind.mayBeZero === true)) return value;
  throw new UsageError(`${flag} takes ${kind.what} with its unit, for example ${kind.example}, not '${text}'`);
}
