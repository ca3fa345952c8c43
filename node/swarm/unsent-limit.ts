// How much payload may wait in front of a socket. What asks for pieces and tells of them shares the connection with the
// pieces themselves, so it waits behind every byte that was written before it: with two pieces of 128 KiB in front and a ninth of
// 50 Mbit/s for each neighbour, a third of a second, in which the neighbour has nothing more to send and its link is idle.
// So payload waits here, and not in the socket: little where bytes leave slowly, much where they leave fast.

/** What may wait is what leaves in so long: longer than the event loop of a busy host takes to come back. */
const AHEAD_MS = 20;
/** At least so much: below, a frame would be mostly header. */
const MIN_UNSENT_BYTES = 32 * 1024;
/** At most: two reads of a megabyte, so that the next is under way while the socket drains. */
const MAX_UNSENT_BYTES = 2 * 1024 * 1024;
/** Measurements so old count little any more: half of what is remembered is given up when this much was measured. */
const REMEMBERED_MS = 200;
/** And as much for a socket so fast that it takes next to no time. */
const REMEMBERED_BYTES = 16 * 1024 * 1024;

/** The limit of one connection, from how fast its socket took what was written before. */
export class UnsentLimit {
  #bytes = 0;
  #tookMs = 0;
  #lastTakenMs = 0;

  /** Bytes that may wait, beside the part that is being written. */
  get unsentBytes(): number {
    const perMs = this.#bytes / Math.max(this.#tookMs, 1);
    return Math.min(MAX_UNSENT_BYTES, Math.max(MIN_UNSENT_BYTES, Math.round(perMs * AHEAD_MS)));
  }

  /** The socket took `bytes` that were written at `writtenMs`. Between two that were written at once only the second's own time counts. */
  taken(bytes: number, times: { readonly writtenMs: number; readonly nowMs: number }): void {
    this.#tookMs += Math.max(0, times.nowMs - Math.max(times.writtenMs, this.#lastTakenMs));
    this.#bytes += bytes;
    this.#lastTakenMs = times.nowMs;
    if (this.#tookMs < REMEMBERED_MS && this.#bytes < REMEMBERED_BYTES) return;
    this.#tookMs /= 2;
    this.#bytes /= 2;
  }
}
