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
/** Silence of so many times the lead, and of no less than `LEAST_SILENCE_MS`, says that a foretold piece will be late. */
const SILENT_LEADS = 2;
/** What a busy event loop on either side may well take. */
const LEAST_SILENCE_MS = 200;

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

  /** Nothing came for so long that it will not be here as was foretold. */
  isSilent(leadMs: number, nowMs: number): boolean {
    return nowMs - this.#lastMs > Math.max(LEAST_SILENCE_MS, SILENT_LEADS * leadMs);
  }
}
