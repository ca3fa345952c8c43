// Gets a blob of one piece: asks one holder after the other until one gives the right bytes.

import type { Digest } from '../../shared/oci/digest.ts';
import type { Peer } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { isAppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { AskingRoomDeps } from './asking-room.ts';
import type { PartialBlob } from '../content/blob-store.ts';
import type { PeerTally } from '../pulls/peer-tally.ts';
import type { PullRecord } from '../pulls/pull-record.ts';
import type { PeerConnection } from './peer-connection.ts';
import type { Peers } from './peers.ts';
import type { SmallBlobs } from './small-blobs.ts';

export interface SmallDownloadDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  /** Holders as of now. @throws the signal's reason */
  readonly locateAgain: () => Promise<readonly Peer[]>;
  readonly peers: Peers;
  readonly small: SmallBlobs;
  /** Told who did what. */
  readonly record: PullRecord;
  /** The caps on what arrives here. */
  readonly room: Pick<AskingRoomDeps, 'limiter' | 'priority'>;
  readonly badPiece: (connection: PeerConnection, pieceIndex: number) => void;
}

/** Wait after a round in which no holder gave it; then it is asked again who holds it. */
const RETRY_MS = 300;

/** Resolves when piece 0 is verified and written. Goes on until `signal` is aborted. @throws the signal's reason */
export async function fetchSmallBlob(
  deps: SmallDownloadDeps,
  blob: { readonly digest: Digest; readonly partial: PartialBlob; readonly neighbours: readonly Peer[] },
  signal: AbortSignal,
): Promise<PeerConnection> {
  let { neighbours } = blob;
  for (let isAgain = false; ;) {
    for (const peer of inOrder(deps, neighbours)) {
      const connection = await tryPeer(deps, { ...blob, peer, isAgain }, signal);
      if (connection !== undefined) return connection;
      isAgain = true;
    }
    await deps.clock.sleep(RETRY_MS * (0.5 + deps.random()), signal);
    const located = await deps.locateAgain();
    if (located.length > 0) neighbours = located;
  }
}

/** Connected ones first, each group at random: holders share the load. */
function inOrder(deps: SmallDownloadDeps, neighbours: readonly Peer[]): Peer[] {
  const ranked = neighbours
    .filter((peer) => !deps.peers.isRefused(peer.nodeId))
    .map((peer) => ({ peer, rank: (deps.peers.get(peer.nodeId) === undefined ? 1 : 0) + deps.random() / 2 }));
  return ranked.sort((left, right) => left.rank - right.rank).map(({ peer }) => peer);
}

async function tryPeer(
  deps: SmallDownloadDeps,
  blob: { readonly digest: Digest; readonly partial: PartialBlob; readonly peer: Peer; readonly isAgain: boolean },
  signal: AbortSignal,
): Promise<PeerConnection | undefined> {
  const { partial, digest, peer, isAgain } = blob;
  let connection: PeerConnection;
  let tally: PeerTally | undefined;
  let bytes: Uint8Array;
  try {
    connection = await deps.peers.connect(peer, signal);
    const { isToOtherZone: isFar } = connection;
    await deps.room.limiter.take({ bytes: partial.table.sizeBytes, isFar, priority: deps.room.priority() }, signal);
    signal.throwIfAborted();
    tally = deps.record.peer(connection.peerId, connection.transport);
    tally.asked({ isAgain });
    bytes = await deps.small.fetch(connection, { digest, sizeBytes: partial.table.sizeBytes }, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!isAppError(error)) throw error;
    deps.log.debug({ peer: peer.nodeId, digest, err: error }, 'a neighbour did not give a small blob');
    tally?.refused();
    return undefined;
  }
  tally.received(bytes.byteLength, deps.clock.nowMs());
  if (bytes.byteLength === partial.table.sizeBytes) {
    const buffer = await partial.acquireBuffer(0, signal);
    buffer.bytes.set(bytes);
    if (await partial.writePiece(buffer)) {
      tally.verified(bytes.byteLength);
      return connection;
    }
  }
  tally.wrong();
  deps.badPiece(connection, 0);
  return undefined;
}
