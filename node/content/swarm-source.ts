// What pull and replication need of the swarm. Implemented in node/swarm.

import type { Digest } from '../../shared/oci/digest.ts';
import type { ByteRange } from '../../shared/oci/byte-range.ts';
import type { BlobReader } from './blob-reader.ts';

/** A blob to read. */
export interface WantedBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Where a client asked for it, for the report. */
  readonly repository?: string;
  /** What will be read of it; absent for all. */
  readonly ranges?: readonly ByteRange[] | undefined;
}

export interface SwarmSource {
  /**
   * Reads a blob that is not here whole: starts its download or joins the one that runs (one per digest per host).
   * The download goes on until done even when every reader leaves, for `lingerMs` at most. When parts are read alone, only
   * their pieces are fetched, or all others after them (`backgroundFill`).
   * @throws {AppError} `blob_unavailable` when nobody known has it and none turns up in time.
   */
  open(blob: WantedBlob, signal: AbortSignal): Promise<BlobReader>;
  /** Downloads a blob whole and adopts it; resolves when it is flushed under its final name. */
  replicate(blob: { readonly digest: Digest; readonly sizeBytes: number }, signal: AbortSignal): Promise<void>;
  /** Running downloads, for status. */
  downloads(): ReadonlyArray<{
    readonly digest: Digest;
    readonly sizeBytes: number;
    readonly doneBytes: number;
    readonly peers: number;
  }>;
}
