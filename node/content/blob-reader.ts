// One way to read a blob, whether it lies here whole or is still arriving.

/** Bytes that lie in memory already, lent without a copy. */
export interface LentBytes {
  /** Only for the system to read, as in a write to a plain socket; a program's own code must not look at them. */
  readonly bytes: Uint8Array;
  /** Ends the loan, when nothing reads them any more. Harmless when called again. */
  release(): void;
}

/** Random access to verified bytes of one blob. */
export interface BlobReader extends AsyncDisposable {
  readonly sizeBytes: number;
  /**
   * Reads at least one byte at `position` into `target`, waiting for the bytes to be verified if need be.
   * The last bytes of a blob that is still arriving are given only after its whole digest was checked.
   * @returns bytes read; 0 only at the end of the blob.
   * @throws {AppError} `blob_unavailable` or `digest_mismatch` when the rest will not come.
   */
  read(target: Uint8Array, position: number, signal: AbortSignal): Promise<number>;
  /**
   * Lends between one and `maxBytes` bytes from `position` on, if they are in memory; waits for them as `read` does, and throws as it.
   * @returns undefined when they are not, or when this host cannot lend: use `read` then. Left out by readers that never lend.
   */
  lend?(position: number, maxBytes: number, signal: AbortSignal): Promise<LentBytes | undefined>;
}
