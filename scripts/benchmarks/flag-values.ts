// Values of the bench's flags.

/** The command line is wrong; the message says how, and ends the program with code 2. */
export class UsageError extends Error {}

/** @throws {UsageError} unless `text` is a whole number within the bounds, both of which count. */
export function wholeNumber(
  flag: string,
  text: string,
  bounds: { readonly from: number; readonly to: number },
): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= bounds.from && value <= bounds.to) return value;
  throw new UsageError(`${flag} takes a whole number from ${bounds.from} to ${bounds.to}, not '${text}'`);
}
