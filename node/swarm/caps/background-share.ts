// How background work yields to downloads that clients wait for where no cap decides: while these ask for pieces, it may ask for
// one byte for nine of theirs.

/** Bytes that clients' downloads ask for, for each byte of background work. */
const CLIENT_SHARE = 9;
/** Clients that asked for nothing for so long do not need the link: background work then goes on freely. */
const QUIET_MS = 500;
/** What background work may save up, two of the largest pieces: it must not begin with a burst. */
const MAX_SAVED_BYTES = 8 * 1024 * 1024;

export class BackgroundShare {
  #savedBytes = 0;
  #clientMs = -Infinity;

  /** A download that a client waits for asks for a piece. */
  clientAsked(bytes: number, nowMs: number): void {
    this.#clientMs = nowMs;
    this.#savedBytes = Math.min(MAX_SAVED_BYTES, this.#savedBytes + bytes / CLIENT_SHARE);
  }

  /** Whether background work may ask for a piece now, which is counted if so. */
  mayAsk(bytes: number, nowMs: number): boolean {
    if (nowMs - this.#clientMs > QUIET_MS) return true;
    if (this.#savedBytes < bytes) return false;
    this.#savedBytes -= bytes;
    return true;
  }
}
