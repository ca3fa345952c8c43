// The time below which no way of copying can be, if bytes were a fluid that every host passes on as it comes.

/** What a host's link carries, in bytes per second and each direction. */
export interface LinkRate {
  readonly downBytesPerSecond: number;
  readonly upBytesPerSecond: number;
}

/**
 * Seconds until the last of `hosts` has `sizeBytes` that only the sources have: the largest of the time that the sources
 * need for one copy (S/U), that the thinnest downlink needs (S/d), and that all uplinks together need for all copies
 * (N·S/(U+N·u)). Mundinger, Weber and Weiss, "Optimal scheduling of peer-to-peer file dissemination".
 */
export function fluidBoundSeconds(options: {
  readonly sizeBytes: number;
  /** What all sources send in a second, together. */
  readonly sourceBytesPerSecond: number;
  readonly hosts: readonly LinkRate[];
}): number {
  const { sizeBytes, sourceBytesPerSecond, hosts } = options;
  const thinnest = Math.min(...hosts.map((host) => host.downBytesPerSecond));
  let uplinks = sourceBytesPerSecond;
  for (const host of hosts) uplinks += host.upBytesPerSecond;
  return Math.max(sizeBytes / sourceBytesPerSecond, sizeBytes / thinnest, (hosts.length * sizeBytes) / uplinks);
}
