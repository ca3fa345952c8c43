// The `Range` header of a blob GET (RFC 9110, section 14), decided without any I/O.

/** More ranges than this in one request are answered by the whole blob, so that a header cannot ask for endless parts. */
const MAX_RANGES = 16;

/** Both ends included, as in `Content-Range`. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

export type RangeDecision =
  /** No byte range that concerns us: send everything. */
  | { readonly type: 'whole' }
  | { readonly type: 'single'; readonly range: ByteRange }
  /** Several ranges were asked for; one part for each that lies in the blob, in the asked order. */
  | { readonly type: 'multiple'; readonly ranges: readonly ByteRange[] }
  | { readonly type: 'unsatisfiable' };

const WHOLE: RangeDecision = { type: 'whole' };
const UNSATISFIABLE: RangeDecision = { type: 'unsatisfiable' };

/**
 * Decides what a `Range` header gets of a blob of `sizeBytes`.
 *
 * Another unit, a blob of zero bytes, more than 16 ranges, and ranges that together are longer than the blob are
 * answered by the whole; a broken set or one that lies behind the end is unsatisfiable.
 */
export function decideRange(header: string | undefined, sizeBytes: number): RangeDecision {
  if (header === undefined || sizeBytes === 0) return WHOLE;
  const equals = header.indexOf('=');
  if (equals < 0 || header.slice(0, equals).trim().toLowerCase() !== 'bytes') return WHOLE;
  const specs = header
    .slice(equals + 1)
    .split(',', MAX_RANGES * 4)
    .map((spec) => spec.trim())
    .filter((spec) => spec !== '');
  if (specs.length > MAX_RANGES) return WHOLE;
  const ranges: ByteRange[] = [];
  for (const spec of specs) {
    const range = resolveSpec(spec, sizeBytes);
    if (range === 'broken') return UNSATISFIABLE;
    if (range !== 'outside') ranges.push(range);
  }
  const [range] = ranges;
  if (range === undefined) return UNSATISFIABLE;
  if (specs.length === 1) return { type: 'single', range };
  return totalLength(ranges) > sizeBytes ? WHOLE : { type: 'multiple', ranges };
}

/** The number of bytes in a range. */
export function rangeLength(range: ByteRange): number {
  return range.last - range.first + 1;
}

/** `500-1499`, `500-` or `-500`, clipped to the blob. */
function resolveSpec(spec: string, sizeBytes: number): ByteRange | 'broken' | 'outside' {
  const match = /^(\d*)-(\d*)$/.exec(spec);
  if (match === null) return 'broken';
  const [, firstText = '', lastText = ''] = match;
  if (firstText === '') return lastText === '' ? 'broken' : suffixRange(Number(lastText), sizeBytes);
  const first = Number(firstText);
  const last = lastText === '' ? Number.POSITIVE_INFINITY : Number(lastText);
  if (first > last) return 'broken';
  if (first >= sizeBytes) return 'outside';
  return { first, last: Math.min(last, sizeBytes - 1) };
}

function suffixRange(suffixBytes: number, sizeBytes: number): ByteRange | 'outside' {
  if (suffixBytes === 0) return 'outside';
  return { first: Math.max(0, sizeBytes - suffixBytes), last: sizeBytes - 1 };
}

function totalLength(ranges: readonly ByteRange[]): number {
  let total = 0;
  for (const range of ranges) total += rangeLength(range);
  return total;
}
