// A cap on bytes per second: what may pass in any stretch of time is the rate times its length, and one burst.

/** What may pass at once after a pause, in time: long enough for timers, short enough for the switch next door. */
const BURST_MS = 100;
/** The smallest burst, in bytes: the largest piece, which is asked for as one. */
const MIN_BURST_BYTES = 4 * 1024 * 1024;

export class TokenBucket {
  #bytesPerSecond: number;
  #leftBytes: number;
  #atMs: number;

  /** @param bytesPerSecond Infinity for no cap. */
  constructor(bytesPerSecond: number, nowMs: number) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#leftBytes = this.burstBytes;
    this.#atMs = nowMs;
  }

  get isUnlimited(): boolean {
    return this.#bytesPerSecond === Infinity;
  }

  get bytesPerSecond(): number {
    return this.#bytesPerSecond;
  }

  get burstBytes(): number {
    return Math.max(MIN_BURST_BYTES, (this.#bytesPerSecond * BURST_MS) / 1000);
  }

  /** Takes a new rate; what was saved up under the old one counts up to the new burst. */
  setRate(bytesPerSecond: number, nowMs: number): void {
    this.#refill(nowMs);
    const wasUnlimited = this.isUnlimited;
    this.#bytesPerSecond = bytesPerSecond;
    this.#leftBytes = wasUnlimited ? this.burstBytes : Math.min(this.#leftBytes, this.burstBytes);
  }

  /** True when so many bytes may pass now. More than a burst never may: it passes when the bucket is full. */
  has(bytes: number, nowMs: number): boolean {
    return this.waitMs(bytes, nowMs) === 0;
  }

  /** Milliseconds until `has` is true if nothing else passes meanwhile; 0 for now. */
  waitMs(bytes: number, nowMs: number): number {
    if (this.isUnlimited) return 0;
    this.#refill(nowMs);
    const missingBytes = Math.min(bytes, this.burstBytes) - this.#leftBytes;
    return missingBytes <= 0 ? 0 : (missingBytes / this.#bytesPerSecond) * 1000;
  }

  /** Counts bytes that pass, after `has` allowed them. What exceeds a burst is a debt, which is paid before the next bytes pass. */
  take(bytes: number): void {
    if (!this.isUnlimited) this.#leftBytes -= bytes;
  }

  /** Takes back the count of bytes that did not pass after all. */
  giveBack(bytes: number): void {
    if (!this.isUnlimited) this.#leftBytes = Math.min(this.burstBytes, this.#leftBytes + bytes);
  }

  #refill(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = Math.max(nowMs, this.#atMs);
    if (!this.isUnlimited) {
      this.#leftBytes = Math.min(this.burstBytes, this.#leftBytes + (elapsedMs / 1000) * this.#bytesPerSecond);
    }
  }
}
