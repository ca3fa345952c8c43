// What one peer did for one blob: bytes, waits, failures. `received` runs for every frame of payload, so it does no more than add.

import type { PeerShare } from '../../shared/protocol/pull-report.ts';

/** What a tally asks of its record, and tells it. */
export interface TallyOwner {
  /** When the last byte of the blob came, from whichever peer; undefined before the first. */
  lastByteMs: number | undefined;
  /** Called when bytes come again after a pause in which no peer sent any. */
  pauseEnded(tally: PeerTally, nowMs: number): void;
  /** Called when the peer was asked for a piece and failed to send it. */
  failedUs(tally: PeerTally, nowMs: number): void;
  requested(how: { readonly isAgain: boolean }): void;
}

/** A pause in which nothing comes at all counts from here on: longer than a round trip to anywhere. */
const MIN_PAUSE_MS = 500;

export class PeerTally {
  readonly nodeId: string | undefined;
  readonly transport: string | undefined;
  receivedBytes = 0;
  usefulBytes = 0;
  requests = 0;
  stalls = 0;
  refusals = 0;
  wrongPieces = 0;
  waitedMs = 0;
  lastByteMs: number | undefined;
  readonly #owner: TallyOwner;

  constructor(owner: TallyOwner, peer: { readonly nodeId?: string; readonly transport?: string }) {
    this.#owner = owner;
    this.nodeId = peer.nodeId;
    this.transport = peer.transport;
  }

  /** Payload came, useful or not. */
  received(bytes: number, nowMs: number): void {
    const owner = this.#owner;
    this.receivedBytes += bytes;
    this.lastByteMs = nowMs;
    if (owner.lastByteMs === undefined || nowMs - owner.lastByteMs >= MIN_PAUSE_MS) owner.pauseEnded(this, nowMs);
    owner.lastByteMs = nowMs;
  }

  /** A piece was asked for, or one that it offered is taken. @param how.isAgain somebody was asked for it before. */
  asked(how: { readonly isAgain: boolean }): void {
    this.requests += 1;
    this.#owner.requested(how);
  }

  /** A piece from this peer was right, and was not here yet. */
  verified(bytes: number): void {
    this.usefulBytes += bytes;
  }

  wrong(): void {
    this.wrongPieces += 1;
  }

  refused(): void {
    this.refusals += 1;
  }

  /** It was silent past its deadline. */
  stalled(nowMs: number): void {
    this.stalls += 1;
    this.#owner.failedUs(this, nowMs);
  }

  /** Its connection ended in the middle of a piece. */
  lost(nowMs: number): void {
    this.#owner.failedUs(this, nowMs);
  }

  share(known: { readonly isOrigin?: boolean; readonly zone?: string } = {}): PeerShare {
    const { nodeId, transport } = this;
    return {
      ...(nodeId === undefined ? {} : { nodeId }),
      ...(transport === undefined ? {} : { transport }),
      ...(known.isOrigin === undefined ? {} : { isOrigin: known.isOrigin }),
      ...(known.zone === undefined ? {} : { zone: known.zone }),
      receivedBytes: this.receivedBytes,
      usefulBytes: this.usefulBytes,
      requests: this.requests,
      stalls: this.stalls,
      refusals: this.refusals,
      wrongPieces: this.wrongPieces,
      waitedMs: Math.round(this.waitedMs),
    };
  }
}
