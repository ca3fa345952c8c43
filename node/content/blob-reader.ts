// One way to read a blob, whether it lies here whole or is still arriving.

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
}
