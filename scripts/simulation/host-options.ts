// What one host of a simulated fleet is.

import type { Digest } from '../../shared/oci/digest.ts';

export interface HostOptions {
  readonly number: number;
  /** What the host was told that its link carries, and one way to its neighbours; depths of pipelines follow. */
  readonly bytesPerSecond: number;
  readonly latencyMs: number;
  readonly isHolder: boolean;
  readonly isLiar: boolean;
  readonly isRead: boolean;
}

/** A blob of the image. */
export interface SimulatedBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly pieceBytes: number;
}
