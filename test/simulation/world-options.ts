// What a simulated pull is made of, and what comes out of it.

export interface WorldOptions {
  /** Nodes that pull, besides the origin. */
  readonly hosts: number;
  readonly sizeBytes: number;
  readonly seed: number;
  /** Each way, of every host. */
  readonly bytesPerSecond: number;
  readonly originBytesPerSecond?: number;
  /** One way, for each message and for the last byte of a piece. Default 0.5. */
  readonly latencyMs?: number;
  /** Serial per host. Default 0.6. */
  readonly verifyMsPerMib?: number;
  /** Default 8. */
  readonly degree?: number;
  /** Default 32. */
  readonly originLinks?: number;
  readonly pieceBytes?: number;
  /** The first so many hosts have a tenth of the rate, and nobody knows. */
  readonly slowHosts?: number;
  /** The last so many hosts announce every piece and have none. */
  readonly liars?: number;
  /** Hosts that stop dead, unnoticed for `noticedMs`; one with `returnsMs` comes back with what it had. */
  readonly deaths?: ReadonlyArray<{
    readonly host: number;
    readonly atMs: number;
    readonly noticedMs: number;
    readonly returnsMs?: number;
  }>;
  /** Clients read along on every host. */
  readonly isRead?: boolean;
}

export interface WorldResult {
  /** When each host had the blob; Infinity if never. Index 0 is the origin. */
  readonly finishedMs: readonly number[];
  readonly originCopies: number;
  /** Pieces that arrived and were here already, over all pieces. */
  readonly wasteShare: number;
  readonly maxLoad: number;
  readonly eventCount: number;
}
