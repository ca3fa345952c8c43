// The bytes of a blob from another host that is only just getting them itself: leaf by leaf, some asked for ahead.

import type { Digest } from '../../shared/oci/digest.ts';
import { LEAF_BYTES } from '../../shared/pieces/piece-table.ts';
import type { ProvisionalTable } from '../../shared/pieces/provisional-table.ts';
import type { Peer } from '../../shared/protocol/peer-shape.ts';
import type { Changes } from '../../shared/runtime/changes.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import { joinSignals } from '../../shared/runtime/joined-signal.ts';
import type { ArrivingLeaves } from '../content/arriving-leaves.ts';

/** Leaves of one blob asked for ahead, 2 MiB: what a link of 10 Gbit/s carries in the time of a round trip and a half. */
const ASKED_AHEAD = 16;
/** Times in a row that a host may say of one leaf that it has not come yet, two seconds each; then another host is asked. */
const MAX_BUSY = 5;

export interface LeafStream {
  readonly digest: Digest;
  readonly source: Peer;
  /** Of a leaf. */
  readonly firstByte: number;
  /** Nothing is asked for before its hash is known. */
  readonly table: ProvisionalTable;
  /** Told when the table has grown. */
  readonly changes: Changes;
}

/** Ends with the blob. @throws {AppError} `blob_unavailable` when nothing more comes from this host; the signal's reason */
export async function* leavesFrom(
  { leaves }: { readonly leaves: Pick<ArrivingLeaves, 'fetch'> },
  stream: LeafStream,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { table, changes, firstByte } = stream;
  const leafCount = Math.ceil(table.sizeBytes / LEAF_BYTES);
  const left = new AbortController();
  using joined = joinSignals([signal, left.signal]);
  const asked: Promise<Uint8Array>[] = [];
  let nextLeaf = Math.floor(firstByte / LEAF_BYTES);
  try {
    while (nextLeaf < leafCount || asked.length > 0) {
      while (asked.length < ASKED_AHEAD && nextLeaf < leafCount && leafEnd(nextLeaf, table) <= table.knownBytes) {
        const leaf = fetchLeaf(leaves, stream, nextLeaf, joined.signal);
        leaf.catch(() => undefined); // whoever takes it gets it
        asked.push(leaf);
        nextLeaf += 1;
      }
      const first = asked.shift();
      if (first === undefined) await changes.next(joined.signal);
      else yield await first;
    }
  } finally {
    left.abort(new AppError('blob_unavailable', 'nobody reads from this host any more'));
  }
}

// oxlint-disable-next-line eslint/max-params -- signal is last
async function fetchLeaf(
  leaves: Pick<ArrivingLeaves, 'fetch'>,
  { digest, source, table }: LeafStream,
  leafIndex: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  for (let tries = 1; ; tries += 1) {
    try {
      const bytes = await leaves.fetch(source, { digest, leafIndex }, signal);
      if (bytes.byteLength === leafEnd(leafIndex, table) - leafIndex * LEAF_BYTES) return bytes;
      throw new AppError('blob_unavailable', 'a host gave a part of a blob in another length');
    } catch (error) {
      signal.throwIfAborted();
      const isBusy = isAppError(error, 'blob_unavailable') && error.detail['reason'] === 'busy';
      if (!isBusy || tries >= MAX_BUSY) throw error;
    }
  }
}

function leafEnd(leafIndex: number, { sizeBytes }: ProvisionalTable): number {
  return Math.min(sizeBytes, (leafIndex + 1) * LEAF_BYTES);
}
