// JSON from outside, read with limits on depth and number of containers, so that four megabytes of brackets cannot
// become hundreds of megabytes of objects.

/** Nesting of objects and arrays, more is refused before the text is parsed: deeper than any manifest has a use for. */
const MAX_DEPTH = 64;
/** Objects and arrays in one text, more are refused before it is parsed: three for each of 28 thousand descriptors, which is what fits into 4 MiB. */
const MAX_CONTAINERS = 100_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export type JsonOutcome =
  | { readonly type: 'value'; readonly value: unknown }
  | { readonly type: 'refused'; readonly reason: string };

/** Parses UTF-8 JSON. The caller has bounded the length. Never throws. */
export function parseBoundedJson(bytes: Uint8Array): JsonOutcome {
  const excess = findExcess(bytes);
  if (excess !== undefined) return { type: 'refused', reason: excess };
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { type: 'value', value: JSON.parse(text) };
  } catch {
    // The parser's own words quote the text; the reader only needs to know that it is not JSON.
    return { type: 'refused', reason: 'not JSON in UTF-8' };
  }
}

/** One pass over the bytes that counts brackets outside strings; in UTF-8 none of these bytes is part of another character. */
function findExcess(bytes: Uint8Array): string | undefined {
  let depth = 0;
  let containers = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (byte === QUOTE) {
      index = endOfString(bytes, index + 1);
    } else if (byte === 0x7b || byte === 0x5b) {
      depth += 1;
      containers += 1;
      if (depth > MAX_DEPTH) return `nested deeper than ${MAX_DEPTH}`;
      if (containers > MAX_CONTAINERS) return `more than ${MAX_CONTAINERS} objects and arrays`;
    } else if (byte === 0x7d || byte === 0x5d) {
      depth -= 1;
    }
  }
  return undefined;
}

/** @returns the index of the closing quote, or the length when there is none. */
function endOfString(bytes: Uint8Array, from: number): number {
  for (let index = from; index < bytes.length; index += 1) {
    if (bytes[index] === QUOTE) return index;
    if (bytes[index] === BACKSLASH) index += 1;
  }
  return bytes.length;
}
