// When the last byte of a piece will be here, by how fast it has come so far, and whether to tell of it before.
//
// A neighbour that asks for what is not here yet waits for it, with a place in its pipeline that could bring another piece. So pieces are
// told of ahead only where a round trip is long beside what a piece takes, and only when a part of it is here.

/** Part of the lead in which bytes must have come for a pace to be known: what lay in one buffer says nothing of it. */
const LEAST_MEASURED = 0.25;
/** Part of a piece that is here when it is told of: what is left then cannot take many times what was thought. */
const LEAST_SHARE = 0.25;
/** A round trip that is less than this part of what the piece takes gains too little. */
const LEAST_LEAD_SHARE = 0.5;
/** A foretold piece that is not here, verified, after so many times the lead is late. */
const OVERDUE_LEADS = 2;
/** No piece is late before this: a busy event loop on either side, and the check of its hash, may well take it. */
const LEAST_OVERDUE_MS = 200;
/**
 * And each is after this. Who waits for it calls its neighbour silent after half a second at the earliest, and is told before that it
 * does not come.
 */
const MOST_OVERDUE_MS = 300;

/** True when a foretold piece is so late that whoever waits for it had better look elsewhere. */
export function isOverdue(toldMs: number, leadMs: number, nowMs: number): boolean {
  return nowMs - toldMs > Math.min(MOST_OVERDUE_MS, Math.max(LEAST_OVERDUE_MS, OVERDUE_LEADS * leadMs));
}

/**
 * When to tell of a piece whose bytes come from `firstMs` to `endMs` at an even pace, in the same milliseconds.
 * @returns Infinity when not before it is here.
 */
export function tellAtMs(piece: { readonly firstMs: number; readonly endMs: number }, leadMs: number): number {
  const { firstMs, endMs } = piece;
  const tookMs = endMs - firstMs;
  if (leadMs < tookMs * LEAST_LEAD_SHARE) return Infinity;
  return Math.max(endMs - leadMs, firstMs + tookMs * LEAST_SHARE);
}

export class ArrivalForecast {
  readonly #pieceBytes: number;
  #firstMs = 0;
  #firstBytes = 0;
  #lastMs = 0;
  #bytes = 0;

  constructor(pieceBytes: number) {
    this.#pieceBytes = pieceBytes;
  }

  arrived(bytes: number, nowMs: number): void {
    if (this.#bytes === 0) {
      this.#firstMs = nowMs;
      this.#firstBytes = bytes;
    }
    this.#lastMs = nowMs;
    this.#bytes += bytes;
  }

  /** True from when the piece is to be told of, seen from the last byte that came. @param leadMs 0 for never. */
  isDue(leadMs: number): boolean {
    if (leadMs === 0) return false;
    const tookMs = this.#lastMs - this.#firstMs;
    const sinceFirst = this.#bytes - this.#firstBytes;
    if (sinceFirst === 0 || tookMs < leadMs * LEAST_MEASURED) return this.#bytes >= this.#pieceBytes;
    const msPerByte = tookMs / sinceFirst;
    const firstMs = this.#firstMs - this.#firstBytes * msPerByte;
    return this.#lastMs >= tellAtMs({ firstMs, endMs: firstMs + this.#pieceBytes * msPerByte }, leadMs);
  }
}
