// Whether one download may ask for its next piece: the caps on what this node receives must allow it, and background work waits behind
// what clients wait for.

import type { Clock } from '../../shared/runtime/clock.ts';
import type { BackgroundShare } from './caps/background-share.ts';
import type { Transfer } from './caps/transfer-line.ts';
import type { TransferLimiter } from './transfer-limiter.ts';

export interface AskingRoomDeps {
  readonly clock: Clock;
  readonly limiter: TransferLimiter;
  readonly share: BackgroundShare;
  /** Whether a client waits for this download now. */
  readonly priority: () => Transfer['priority'];
  /** Called when a piece that `mayAsk` refused may be asked for now. */
  readonly roomAgain: () => void;
}

export class AskingRoom {
  readonly #deps: AskingRoomDeps;
  readonly #pieceBytes: number;
  /** By whether the peer is in another zone: leaves the line of the caps. The download waits there once for each at most. */
  readonly #leaveLine = new Map<boolean, () => void>();
  readonly #granted = new Map<boolean, Transfer>();

  constructor(deps: AskingRoomDeps, options: { readonly pieceBytes: number }) {
    this.#deps = deps;
    this.#pieceBytes = options.pieceBytes;
  }

  /** True while a cap holds this download back. */
  get isHeldBack(): boolean {
    return this.#leaveLine.size > 0;
  }

  /**
   * Whether a piece may be asked for now; if so its bytes are counted. When a cap forbids it, `roomAgain` is called later.
   * @param isFar the peer is in another zone.
   */
  mayAsk(isFar: boolean): boolean {
    const { clock, limiter, share } = this.#deps;
    const bytes = this.#pieceBytes;
    const priority = this.#deps.priority();
    const isBackground = priority === 'background';
    if (this.#granted.delete(isFar)) return true;
    if (this.#leaveLine.has(isFar)) return false;
    // Tried again with the next tick of the download.
    if (isBackground && !share.mayAsk(bytes, clock.nowMs())) return false;
    if (!isBackground) share.clientAsked(bytes, clock.nowMs());
    const transfer = { bytes, isFar, priority };
    if (limiter.pass(transfer)) return true;
    this.#waitFor(transfer);
    return false;
  }

  /** A peer will not send a piece that it was asked for. */
  giveBack(isFar: boolean): void {
    this.#deps.limiter.giveBack({ bytes: this.#pieceBytes, isFar, priority: this.#deps.priority() });
  }

  stop(): void {
    for (const leave of this.#leaveLine.values()) leave();
    this.#leaveLine.clear();
  }

  #waitFor(transfer: Transfer): void {
    const { limiter, roomAgain } = this.#deps;
    const { isFar } = transfer;
    const leave = limiter.wait(transfer, () => {
      this.#leaveLine.delete(isFar); // what follows may get in line again
      this.#granted.set(isFar, transfer);
      roomAgain();
      // Nobody has anything to be asked for any more: another download may use the turn.
      if (this.#granted.delete(isFar)) limiter.giveBack(transfer);
    });
    this.#leaveLine.set(isFar, leave);
  }
}
