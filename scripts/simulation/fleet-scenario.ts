// What a simulated pull is made of.

/** Rates are bytes per second, times milliseconds. */
export interface FleetScenario {
  /** Nodes that pull, besides those that have the image. They come after these in every list. */
  readonly hosts: number;
  /** Sizes of the blobs of the image in bytes; all hosts pull all of them at once. */
  readonly layers: readonly number[];
  readonly seed: number;
  /** Downlink of every host. */
  readonly rate: number;
  /** Default `rate`. */
  readonly uplink?: number;
  /** Of each that has the image at the start, both ways. Default `uplink`. */
  readonly originUplink?: number;
  /** One way, for each message and for the last byte of a piece. */
  readonly latencyMs: number;
  /** Serial per host. */
  readonly verifyMsPerMib: number;
  /** Nodes that have the image at the start. Default 1. */
  readonly holders?: number;
  /** What they are to the coordinator. Default `origin`. */
  readonly holderKind?: 'origin' | 'pusher';
  /** When each puller, counted from 0, starts. Default all at 0. */
  readonly arrivalMs?: (puller: number) => number;
  /** The first so many pullers have `rate` times `share`, both ways. */
  readonly slow?: {
    readonly hosts: number;
    readonly share: number;
    /** They say so to the coordinator. */
    readonly areDeclared?: boolean;
  };
  /** The last so many pullers announce every piece, have none, and pull nothing. */
  readonly liars?: number;
  readonly deaths?: readonly Death[];
  /** Hosts that do nothing for a moment. */
  readonly standstills?: readonly Standstill[];
  /** Clients read along on every host. */
  readonly isRead?: boolean;
  readonly zones?: ZonePlan;
  /** Size of a piece, where another than the product's is to be tried. */
  readonly pieceBytes?: number;
}

/** A puller that stops dead at `atMs`, unnoticed for `noticedMs`. With `returnsMs` it comes back with what it had. */
export interface Death {
  /** Number in the list of all hosts. */
  readonly host: number;
  readonly atMs: number;
  readonly noticedMs: number;
  readonly returnsMs?: number;
}

/** A host whose processors are busy with other things from `atMs` on, for so long. */
export interface Standstill {
  /** Number in the list of all hosts. */
  readonly host: number;
  readonly atMs: number;
  readonly forMs: number;
}

/** Hosts are spread evenly over zones; those that have the image stand in the first. */
export interface ZonePlan {
  readonly count: number;
  /** From each zone to each other: what all transfers together may carry. */
  readonly rate: number;
  /** One way between zones. */
  readonly latencyMs: number;
}

/** What comes out of a simulated pull. */
export interface FleetOutcome {
  /** When each host had every blob; Infinity if never. Those that had them at the start come first. */
  readonly finishedMs: readonly number[];
  /** Sent by those that had the image at the start, all together, in copies of the image. */
  readonly originCopies: number;
  /** Copies of the image that crossed from one zone into another, by the zone that they came to. */
  readonly copiesInto: readonly number[];
  /** Pieces that arrived and were of no use, over all pieces. */
  readonly wasteShare: number;
  /** Frames other than payload, and the headers of payload, that a host sent, in bytes. */
  readonly controlBytesPerHost: number;
  /** Share of its capacity that the busiest link was seen to carry. */
  readonly maxLoad: number;
  readonly eventCount: number;
}
