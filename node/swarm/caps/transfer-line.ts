// Who may transfer next under the caps: in the order of asking, so that peers that each ask for one part after the other take
// turns. What a client waits for goes before background work, which gets a tenth while both wait.

import { TokenBucket } from './token-bucket.ts';

/** Bytes that may pass in a second, in one direction; Infinity for no cap. */
export interface TransferRates {
  readonly allBytesPerSecond: number;
  /** The part of these that may pass to or from hosts of other zones. */
  readonly farBytesPerSecond: number;
}

/** One part of a blob that is to be sent or received. */
export interface Transfer {
  readonly bytes: number;
  /** True when the other host is in another zone. */
  readonly isFar: boolean;
  /** `background`: no client waits for it. */
  readonly priority: 'client' | 'background';
}

/** Bytes of clients that pass for each byte of background work while both wait. */
const CLIENT_SHARE = 9;

/** The line. Its entries are objects with the fields of a transfer; each stands in it once at most. */
export class TransferLine<T extends Transfer> {
  readonly #all: TokenBucket;
  readonly #far: TokenBucket;
  readonly #waiting: { readonly client: T[]; readonly background: T[] } = { client: [], background: [] };
  /** Bytes of clients that passed while background work waited. */
  #passedOver = 0;

  constructor(rates: TransferRates, nowMs: number) {
    this.#all = new TokenBucket(rates.allBytesPerSecond, nowMs);
    this.#far = new TokenBucket(rates.farBytesPerSecond, nowMs);
  }

  get waitingCount(): number {
    return this.#waiting.client.length + this.#waiting.background.length;
  }

  get rates(): TransferRates {
    return { allBytesPerSecond: this.#all.bytesPerSecond, farBytesPerSecond: this.#far.bytesPerSecond };
  }

  setRates(rates: TransferRates, nowMs: number): void {
    this.#all.setRate(rates.allBytesPerSecond, nowMs);
    this.#far.setRate(rates.farBytesPerSecond, nowMs);
  }

  /** True when nothing holds such a transfer back, whoever waits. */
  isFree(isFar: boolean): boolean {
    return this.#all.isUnlimited && (!isFar || this.#far.isUnlimited);
  }

  /** Passes at once what need not wait for anybody. @returns false when it has to get in line. */
  pass(transfer: Transfer, nowMs: number): boolean {
    if (this.isFree(transfer.isFar)) return true;
    if (this.#mustYield(transfer, nowMs) || this.#waitMs(transfer, nowMs) > 0) return false;
    this.#take(transfer);
    return true;
  }

  add(entry: T): void {
    this.#waiting[entry.priority].push(entry);
  }

  remove(entry: T): void {
    const line = this.#waiting[entry.priority];
    const at = line.indexOf(entry);
    if (at >= 0) line.splice(at, 1);
  }

  /** Takes back the count of a transfer that passed and did not happen. */
  giveBack(transfer: Transfer): void {
    this.#all.giveBack(transfer.bytes);
    if (transfer.isFar) this.#far.giveBack(transfer.bytes);
  }

  /** The next to pass, taken out of the line; else after how many milliseconds to look again; undefined when nobody waits. */
  next(nowMs: number): { readonly entry: T } | { readonly waitMs: number } | undefined {
    const client = this.#first('client', nowMs);
    const background = this.#first('background', nowMs);
    const isBackgroundDue = background !== undefined && this.#passedOver >= CLIENT_SHARE * background.bytes;
    const entry = client === undefined || isBackgroundDue ? background : client;
    if (entry === undefined) return this.waitingCount === 0 ? undefined : { waitMs: this.#soonestFarMs(nowMs) };
    const waitMs = this.#waitMs(entry, nowMs);
    if (waitMs > 0) return { waitMs };
    if (entry.priority === 'background') this.#passedOver = Math.max(0, this.#passedOver - CLIENT_SHARE * entry.bytes);
    else if (background !== undefined) this.#passedOver += entry.bytes;
    this.remove(entry);
    this.#take(entry);
    return { entry };
  }

  /**
   * The first whom the cap towards other zones does not hold back: nobody near waits for that. Where the first of those
   * with another zone has to wait, the others wait behind it: small parts would pass a large one for ever.
   */
  #first(priority: Transfer['priority'], nowMs: number): T | undefined {
    let isFarHeld = false;
    for (const entry of this.#waiting[priority]) {
      if (!entry.isFar) return entry;
      if (isFarHeld) continue;
      if (this.#far.has(entry.bytes, nowMs)) return entry;
      isFarHeld = true;
    }
    return undefined;
  }

  #mustYield(transfer: Transfer, nowMs: number): boolean {
    const isFarAhead =
      transfer.isFar && [...this.#waiting.client, ...this.#waiting.background].some((each) => each.isFar);
    return isFarAhead || this.#first('client', nowMs) !== undefined || this.#first('background', nowMs) !== undefined;
  }

  #soonestFarMs(nowMs: number): number {
    const { client, background } = this.#waiting;
    const [first, second] = [client, background].flatMap((line) => line.slice(0, 1)); // nobody near is in line
    return Math.min(...[first, second].map((entry) => (entry === undefined ? Infinity : this.#waitMs(entry, nowMs))));
  }

  #waitMs({ bytes, isFar }: Transfer, nowMs: number): number {
    return Math.max(this.#all.waitMs(bytes, nowMs), isFar ? this.#far.waitMs(bytes, nowMs) : 0);
  }

  #take({ bytes, isFar }: Transfer): void {
    this.#all.take(bytes);
    if (isFar) this.#far.take(bytes);
  }
}
