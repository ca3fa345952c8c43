// How much room a host has to make, and with which blobs it begins. Pure.

import type { Digest } from '../../shared/oci/digest.ts';

export interface EvictionLimits {
  /** Bytes of blobs that this host may keep; 0: as many as the disk holds. */
  readonly quotaBytes: number;
  /** Of the quota: above the high mark eviction begins, and goes on down to the low one. */
  readonly highPercent: number;
  readonly lowPercent: number;
  /** Free disk below which eviction begins, and goes on until twice as much is free. */
  readonly minFreeBytes: number;
}

/** Bytes that must go; 0 when there is room. */
export function excessBytes(
  limits: EvictionLimits,
  usage: { readonly blobBytes: number; readonly freeBytes: number },
): number {
  const { quotaBytes, highPercent, lowPercent, minFreeBytes } = limits;
  const { blobBytes, freeBytes } = usage;
  const isOverQuota = quotaBytes > 0 && blobBytes > (quotaBytes * highPercent) / 100;
  const overQuota = isOverQuota ? Math.ceil(blobBytes - (quotaBytes * lowPercent) / 100) : 0;
  const short = freeBytes < minFreeBytes ? 2 * minFreeBytes - freeBytes : 0;
  return Math.min(Math.max(overQuota, short), blobBytes);
}

export interface EvictionCandidate {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly lastUsedMs: number;
}

/** The longest unused blobs, as many as free `bytes` twice over, `limit` at most: some of them may have to stay. */
export function longestUnused<C extends EvictionCandidate>(
  blobs: Iterable<C>,
  options: { readonly bytes: number; readonly limit: number },
): C[] {
  const chosen: C[] = [];
  let sumBytes = 0;
  for (const blob of [...blobs].toSorted((a, b) => a.lastUsedMs - b.lastUsedMs)) {
    if (sumBytes >= 2 * options.bytes || chosen.length === options.limit) break;
    chosen.push(blob);
    sumBytes += blob.sizeBytes;
  }
  return chosen;
}

const HOUR_MS = 3_600_000;

/**
 * The order to evict in: by age in classes that double (an hour, two, four …), within a class the best copied first, then the
 * longest unused.
 */
export function evictionOrder<C extends EvictionCandidate & { readonly copies: number }>(
  candidates: readonly C[],
  nowMs: number,
): C[] {
  const ageClass = ({ lastUsedMs }: C): number => Math.floor(Math.log2(Math.max(0, nowMs - lastUsedMs) / HOUR_MS + 1));
  return candidates.toSorted((a, b) => ageClass(b) - ageClass(a) || b.copies - a.copies || a.lastUsedMs - b.lastUsedMs);
}
