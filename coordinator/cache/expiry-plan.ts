// Which copies go: those that nobody asked for in a long time, and the longest unused when all together are too large. Pure.

/** A copy of a manifest with the blobs of it that its repository holds. */
export interface KeptCopy {
  readonly id: number;
  /** When it was last asked for, in milliseconds since 1970. */
  readonly usedMs: number;
  readonly blobs: readonly { readonly blobId: number; readonly sizeBytes: number }[];
}

/**
 * Ids of those that go. A blob that several name counts once, as long as one of them stays.
 * @param limits.ttlMs 0 for ever. @param limits.maxBytes 0 for any number.
 */
export function planExpiry(
  copies: readonly KeptCopy[],
  limits: { readonly nowMs: number; readonly ttlMs: number; readonly maxBytes: number },
): readonly number[] {
  const { nowMs, ttlMs, maxBytes } = limits;
  const leaving: number[] = [];
  const counted = new Set<number>();
  let keptBytes = 0;
  let isFull = false;
  for (const { id, usedMs, blobs } of copies.toSorted((a, b) => b.usedMs - a.usedMs || b.id - a.id)) {
    const isOld = ttlMs > 0 && nowMs - usedMs > ttlMs;
    const added = blobs.filter(({ blobId }) => !counted.has(blobId));
    let bytes = keptBytes;
    for (const { sizeBytes } of added) bytes += sizeBytes;
    isFull ||= maxBytes > 0 && bytes > maxBytes;
    if (isOld || isFull) {
      leaving.push(id);
      continue;
    }
    keptBytes = bytes;
    for (const { blobId } of added) counted.add(blobId);
  }
  return leaving;
}
