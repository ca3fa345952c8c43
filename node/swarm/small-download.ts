// Gets a blob of one piece: asks one holder after the other until one gives the right bytes.

import type { Digest } from '../../shared/oci/digest.ts';
import { isInShare } from '../../shared/pieces/piece-share.ts';
import type { NamedPeer } from '../../shared/protocol/coordinator-methods.ts';
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
  readonly locateAgain: () => Promise<readonly NamedPeer[]>;
  /** Tells the coordinator that the piece does not come into this zone. */
  readonly lagging: (classes: readonly number[]) => void;
  readonly peers: Peers;
  readonly small: SmallBlobs;
  /** Told who did what. */
  readonly record: PullRecord;
  /** The caps on what arrives here. */
  readonly room: Pick<AskingRoomDeps, 'limiter' | 'priority'>;
  readonly badPiece: (connection: PeerConnection, pieceIndex: number) => void;
}

/** Wait after the first round in which nobody had it; doubles, since a neighbour that was named may be about to get it. */
const FIRST_RETRY_MS = 20;
/** The longest wait between rounds, and after so much of waiting it is asked again who holds it. */
const RETRY_MS = 300;
/** A piece that another host is to bring into this zone is reported as lagging after this time, so that another host brings it. */
const LAGGING_MS = 5000;
/** After this time any holder in another zone is asked, whichever host is to bring the piece: the coordinator may be away. */
const STARVED_MS = 15_000;

interface SmallBlob {
  readonly digest: Digest;
  readonly partial: PartialBlob;
  readonly neighbours: readonly NamedPeer[];
}

/** Resolves when piece 0 is verified and written. Goes on until `signal` is aborted. @throws the signal's reason */
export async function fetchSmallBlob(
  deps: SmallDownloadDeps,
  blob: SmallBlob,
  signal: AbortSignal,
): Promise<PeerConnection> {
  const { clock, random } = deps;
  const startMs = clock.nowMs();
  let { neighbours } = blob;
  let locatedMs = startMs;
  let toldMs = startMs;
  let isAgain = false;
  for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(RETRY_MS, 2 * waitMs)) {
    for (const peer of inOrder(deps, { ...blob, neighbours }, { isStarved: clock.nowMs() - startMs >= STARVED_MS })) {
      const connection = await tryPeer(deps, { ...blob, peer, isAgain }, signal);
      if (connection !== undefined) return connection;
      isAgain = true;
    }
    await clock.sleep(waitMs * (0.5 + random()), signal);
    if (clock.nowMs() - toldMs >= LAGGING_MS && neighbours.some(({ share }) => share !== undefined)) {
      toldMs = clock.nowMs();
      deps.lagging([0]);
    }
    if (neighbours.length > 0 && clock.nowMs() - locatedMs < RETRY_MS) continue;
    locatedMs = clock.nowMs();
    const located = await deps.locateAgain();
    if (located.length > 0) neighbours = located;
  }
}

/**
 * Those in other zones first, if it is ours to bring it in; connected ones first, each group at random: holders share
 * the load.
 */
function inOrder(
  deps: SmallDownloadDeps,
  { digest, neighbours }: Pick<SmallBlob, 'digest' | 'neighbours'>,
  { isStarved }: { readonly isStarved: boolean },
): NamedPeer[] {
  const rankOf = ({ nodeId, share }: NamedPeer): number =>
    (share === undefined ? 2 : 0) + (deps.peers.get(nodeId) === undefined ? 1 : 0) + deps.random() / 2;
  const ranked = neighbours
    .filter((peer) => !deps.peers.isRefused(peer.nodeId, digest) && (isStarved || isInShare(peer.share, 0)))
    .map((peer) => ({ peer, rank: rankOf(peer) }));
  return ranked.sort((left, right) => left.rank - right.rank).map(({ peer }) => peer);
}

async function tryPeer(
  deps: SmallDownloadDeps,
  blob: SmallBlob & { readonly peer: NamedPeer; readonly isAgain: boolean },
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
