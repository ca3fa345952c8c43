// The caps of one direction: bytes of pieces that this node sends, or asks for. Parts that may not pass yet wait in one line.

import { onceAborted } from '../../shared/runtime/abort-listener.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { TransferLine, type Transfer, type TransferRates } from './caps/transfer-line.ts';

/** The smallest part of a piece that is sent by itself: one frame. */
const MIN_PART_BYTES = 128 * 1024;
/** The largest part of a piece that is sent at once: one read from disk. */
const MAX_PART_BYTES = 1024 * 1024;
/** Parts that pass in a second under a tight cap, so that many peers get something within their deadlines. */
const PARTS_PER_SECOND = 32;

interface Waiting extends Transfer {
  readonly granted: () => void;
}

export class TransferLimiter {
  readonly #clock: Clock;
  readonly #line: TransferLine<Waiting>;
  #timer: Scheduled | undefined;
  #isServing = false;

  constructor(deps: { readonly clock: Clock }, rates: TransferRates) {
    this.#clock = deps.clock;
    this.#line = new TransferLine(rates, deps.clock.nowMs());
  }

  /** Parts that wait for a cap. As many as there are peers and downloads, each of which waits with one. */
  get waitingCount(): number {
    return this.#line.waitingCount;
  }

  /** How long parts should be: whole frames, short where the cap is tight. */
  get partBytes(): number {
    const { allBytesPerSecond, farBytesPerSecond } = this.#line.rates;
    const share = Math.min(allBytesPerSecond, farBytesPerSecond) / PARTS_PER_SECOND;
    if (share >= MAX_PART_BYTES) return MAX_PART_BYTES;
    return Math.max(MIN_PART_BYTES, Math.floor(share / MIN_PART_BYTES) * MIN_PART_BYTES);
  }

  setRates(rates: TransferRates): void {
    this.#line.setRates(rates, this.#clock.nowMs());
    this.#serveSoon();
  }

  /** Whether a transfer may pass now; if so its bytes are counted. */
  pass(transfer: Transfer): boolean {
    return this.#line.pass(transfer, this.#clock.nowMs());
  }

  /** Gets in line. @param granted called later, when the transfer may pass; its bytes are then counted. @returns leaves the line. */
  wait(transfer: Transfer, granted: () => void): () => void {
    const waiting = { ...transfer, granted };
    this.#line.add(waiting);
    this.#serveSoon();
    return () => this.#line.remove(waiting);
  }

  /** Resolves when it may pass, with true; or with false as soon as `signal` is aborted. */
  async take(transfer: Transfer, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    if (this.pass(transfer)) return true;
    let leave = (): void => undefined;
    let stopListening = (): void => undefined;
    try {
      return await new Promise<boolean>((resolve) => {
        stopListening = onceAborted(signal, () => resolve(false));
        leave = this.wait(transfer, () => resolve(true));
      });
    } finally {
      leave();
      stopListening();
    }
  }

  /** Takes back the count of a transfer that was allowed and did not happen. */
  giveBack(transfer: Transfer): void {
    this.#line.giveBack(transfer);
    this.#serveSoon();
  }

  /** Nobody is called back any more. */
  stop(): void {
    this.#timer?.cancel();
  }

  /** In a later turn of the event loop, since the caller is in the middle of its own work. */
  #serveSoon(): void {
    if (this.#isServing || this.#line.waitingCount === 0) return;
    this.#isServing = true;
    queueMicrotask(() => this.#serve());
  }

  #serve(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#isServing = false;
    for (let next = this.#line.next(this.#clock.nowMs()); next !== undefined;) {
      if ('waitMs' in next) {
        this.#timer = this.#clock.schedule(Math.max(1, Math.ceil(next.waitMs)), () => this.#serve());
        return;
      }
      next.entry.granted();
      next = this.#line.next(this.#clock.nowMs());
    }
  }
}
