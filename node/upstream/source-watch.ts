// Whether the host that a blob is read from keeps up with the one that fetches it.

/** How long a source is watched before it is judged: shorter stretches are full of pauses that mean nothing. */
const WINDOW_MS = 5_000;
/** Less than this part of what the fetch grows by is little. */
const LITTLE_SHARE = 4;
/** Pieces that a reader may be behind without its source being to blame. */
const USUAL_PIECES = 4;

/**
 * Sources of one blob that a reader leaves for giving little. After that it is more likely that this host itself, or all of them, can do no
 * more; a source that gives nothing is left always.
 */
const MAX_LEFT = 2;

/** How far a blob is. */
export interface ReadingState {
  readonly cameBytes: number;
  /** Bytes whose hashes are known, so that somebody has them. */
  readonly knownBytes: number;
  readonly pieceBytes: number;
}

export class SourceWatch {
  #windowMs: number;
  #last: ReadingState | undefined;
  #progressMs: number;
  #leftCount = 0;

  constructor(nowMs: number) {
    this.#windowMs = nowMs;
    this.#progressMs = nowMs;
  }

  /**
   * Call it often. A source is slow when this reader was behind for a whole window and got nothing in it, or less than a quarter of what
   * the fetch itself grew by. Who comes late and catches up is not, nor who could give nothing, since nothing came to the fetch.
   * @returns silentMs since when nothing came.
   */
  look(state: ReadingState, nowMs: number): { readonly isSlow: boolean; readonly silentMs: number } {
    this.#last ??= state;
    if (state.cameBytes > this.#last.cameBytes) this.#progressMs = nowMs;
    const silentMs = nowMs - this.#progressMs;
    const behind = state.knownBytes - state.cameBytes;
    if (behind > 0 && nowMs - this.#windowMs < WINDOW_MS) return { isSlow: false, silentMs };
    const came = state.cameBytes - this.#last.cameBytes;
    const grown = state.knownBytes - this.#last.knownBytes;
    this.#windowMs = nowMs;
    this.#last = state;
    if (behind <= 0) return { isSlow: false, silentMs };
    if (came <= 0) return { isSlow: true, silentMs };
    const isSlow =
      behind > USUAL_PIECES * state.pieceBytes && came < grown / LITTLE_SHARE && this.#leftCount < MAX_LEFT;
    if (isSlow) this.#leftCount += 1;
    return { isSlow, silentMs };
  }
}
