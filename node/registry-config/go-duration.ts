// Durations as Go writes them, in milliseconds: `300ms`, `1h15m30.5s`. A plain number counts nanoseconds.

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const PART = /^(\d{1,15}(?:\.\d{0,9})?|\.\d{1,9})(ns|us|µs|μs|ms|s|m|h)/;
/** Longest text that is looked at; a longer one is no duration. */
const MAX_DURATION_CHARS = 64;

/** Milliseconds, rounded up so that a positive time is never none; undefined when it is no duration, or a negative one. */
export function parseGoDuration(text: string): number | undefined {
  if (text.length > MAX_DURATION_CHARS) return undefined;
  if (/^\d{1,18}$/.test(text)) return Math.ceil(Number(text) * 1e-6);
  let rest = text.startsWith('+') ? text.slice(1) : text;
  let totalMs = 0;
  if (rest === '') return undefined;
  while (rest !== '') {
    const [part, digits = '', unit = ''] = PART.exec(rest) ?? [];
    if (part === undefined) return undefined;
    totalMs += Number(digits) * (UNIT_MS[unit] ?? Number.NaN);
    rest = rest.slice(part.length);
  }
  const roundedMs = Math.ceil(Number(totalMs.toFixed(6)));
  return Number.isSafeInteger(roundedMs) ? roundedMs : undefined;
}
