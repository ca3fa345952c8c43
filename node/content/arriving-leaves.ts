// Leaves of blobs that are only just coming from outside the fleet, from host to host. Implemented in node/swarm.

import type { Digest } from '../../shared/oci/digest.ts';
import type { Peer } from '../../shared/protocol/peer-shape.ts';

/** 128 KiB of a blob, by their number (shared/pieces/piece-table.ts); the last one may be shorter. */
export interface Leaf {
  readonly digest: Digest;
  readonly leafIndex: number;
}

/** What this host has of such blobs. */
export interface ArrivingSource {
  /** A whole leaf, waiting for it if it is yet to come. @returns undefined when the blob neither comes nor is here. @throws the signal's reason */
  leaf(wanted: Leaf, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** Resolves when nothing of a blob is coming from outside any more, however it ended. @throws the signal's reason */
  settled(digest: Digest, signal: AbortSignal): Promise<void>;
}

export interface ArrivingLeaves {
  /** Answers other hosts from now on. */
  serve(source: ArrivingSource): void;
  /**
   * Asks another host. The bytes are not checked.
   * @throws {AppError} `blob_unavailable` when it cannot be reached, does not have it (`detail.reason` is `not_here`), or has it not yet (`busy`).
   */
  fetch(peer: Peer, wanted: Leaf, signal: AbortSignal): Promise<Uint8Array>;
  /** The host sent wrong bytes: it is dealt with as one that sends wrong pieces. */
  blame(nodeId: string, digest: Digest): void;
}
