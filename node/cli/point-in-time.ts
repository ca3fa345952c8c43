// A moment as people type it: `24h` and `7d` count back from now, `2026-03-01` and `2026-03-01T08:00` are dates. Pure.

import { AppError } from '../../shared/runtime/errors.ts';

const MS_OF_UNIT = new Map([
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);
const AGO = /^(\d{1,9})([smhd])$/;
/** A date, and perhaps a time: what looks otherwise is not guessed at. */
const DATE = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;

/**
 * Milliseconds since 1970. A date without a zone is of this host's.
 * @param flag for the message.
 * @throws {AppError} `config_invalid`
 */
export function parsePointInTime(text: string, nowMs: number, flag: string): number {
  const [, amount, unit = ''] = AGO.exec(text) ?? [];
  const unitMs = MS_OF_UNIT.get(unit);
  if (amount !== undefined && unitMs !== undefined) return Math.max(0, nowMs - Number(amount) * unitMs);
  // A date alone would be read as one of UTC.
  const atMs = DATE.test(text) ? Date.parse(text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T')) : Number.NaN;
  if (atMs >= 0) return atMs;
  throw new AppError(
    'config_invalid',
    `${flag}: "${text.slice(0, 80)}" is no moment; write 24h, 7d, 2026-03-01 or 2026-03-01T08:00`,
  );
}
