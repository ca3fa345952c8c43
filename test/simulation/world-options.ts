// What a simulated pull is made of, and what comes out of it.

export interface WorldOptions {
  /** Nodes that pull, besides those that have the blob. They come after these in every list. */
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
  /** Hosts that have the blob whole at the start. Default 1. */
  readonly seeders?: number;
  /** What they are to the coordinator. Default `origin`. */
  readonly seederKind?: 'origin' | 'pusher';
  /** When each puller, counted from 0, starts. Default all at 0. */
  readonly arrivalMs?: (puller: number) => number;
  readonly pieceBytes?: number;
  /** The first so many pullers have a tenth of the rate, and nobody knows. */
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
  /** When each host had the blob; Infinity if never. Those that had it at the start come first. */
  readonly finishedMs: readonly number[];
  /** Sent by those that had the blob at the start, all together. */
  readonly seederCopies: number;
  /** Pieces that arrived and were here already, over all pieces. */
  readonly wasteShare: number;
  readonly maxLoad: number;
  readonly eventCount: number;
}
