// How much of something that has an end each host takes: while there is plenty anybody may have it, and when half is taken no host has more
// than its quota, so that one that takes whatever it can takes nothing from the others. Pure.

/** The part of all that one host may have when half is taken. */
const QUOTA_OF_A_HOST = 1 / 8;

/** Amounts are of any one unit. Node ids throughout. */
export class HostQuotas {
  readonly #max: number;
  readonly #taken = new Map<string, number>();
  #total = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether a host may take so much more. */
  hasRoom(nodeId: string, amount: number): boolean {
    const total = this.#total + amount;
    if (total <= this.#max / 2) return true;
    return total <= this.#max && (this.#taken.get(nodeId) ?? 0) + amount <= this.#max * QUOTA_OF_A_HOST;
  }

  take(nodeId: string, amount: number): void {
    this.#total += amount;
    this.#taken.set(nodeId, (this.#taken.get(nodeId) ?? 0) + amount);
  }

  giveBack(nodeId: string, amount: number): void {
    this.#total -= amount;
    const left = (this.#taken.get(nodeId) ?? 0) - amount;
    if (left > 0) this.#taken.set(nodeId, left);
    else this.#taken.delete(nodeId);
  }
}
