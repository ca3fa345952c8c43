// Who sent wrong bytes, of which blob, and for how long that counts. Pure.
//
// One blob alone cuts nobody off from the others: the piece table may be wrong, and then every honest holder "sends wrong pieces".

import type { Digest } from '../../shared/oci/digest.ts';

/** How long an offence counts. Not for ever: a disk may have been replaced, a wrong table put right. */
const OFFENCE_MS = 10 * 60_000;
/** A node with offences in this many blobs at a time is cut off for all blobs. */
const MAX_BLOBS = 2;
/** Nodes remembered; the one that offended longest ago is forgotten first. */
const MAX_NODES = 10_000;

export class Offences {
  /** Per node the blobs and until when they count; never more than `MAX_BLOBS` of them. */
  readonly #nodes = new Map<string, Map<Digest, number>>();

  /** Counts an offence. @returns true unless one with this blob counts already, so that each is reported once. */
  note(nodeId: string, digest: Digest, nowMs: number): boolean {
    const isNew = !this.isOffender(nodeId, digest, nowMs);
    const blobs = this.#nodes.get(nodeId) ?? new Map<Digest, number>();
    this.#nodes.delete(nodeId); // the latest last
    this.#nodes.set(nodeId, blobs);
    for (const [known, untilMs] of blobs) if (untilMs <= nowMs) blobs.delete(known);
    if (blobs.size < MAX_BLOBS || blobs.has(digest)) blobs.set(digest, nowMs + OFFENCE_MS);
    for (const oldest of this.#nodes.keys()) {
      if (this.#nodes.size <= MAX_NODES) break;
      this.#nodes.delete(oldest);
    }
    return isNew;
  }

  /** Takes back all offences with this blob: its piece table was wrong, and not the bytes. */
  forgive(digest: Digest): void {
    for (const [nodeId, blobs] of this.#nodes) {
      if (blobs.delete(digest) && blobs.size === 0) this.#nodes.delete(nodeId);
    }
  }

  /** Whether a node is asked for nothing of a blob. */
  isOffender(nodeId: string, digest: Digest, nowMs: number): boolean {
    return (this.#nodes.get(nodeId)?.get(digest) ?? 0) > nowMs || this.isBanned(nodeId, nowMs);
  }

  /** Whether a node is asked for nothing at all. */
  isBanned(nodeId: string, nowMs: number): boolean {
    let count = 0;
    for (const untilMs of this.#nodes.get(nodeId)?.values() ?? []) if (untilMs > nowMs) count += 1;
    return count >= MAX_BLOBS;
  }
}
