// The reports of the blobs of one image, as one. Pure.

import type { BlobPull, Bound, PeerShare, PulledImage, PullSummary } from '../../shared/protocol/pull-report.ts';
import { boundOf, rateOf } from './pull-record.ts';
import { judge, type Loss } from './pull-verdict.ts';

/** @param pull.blobs at least one. */
export function summarize(pull: {
  readonly id: number;
  readonly image?: PulledImage | undefined;
  readonly blobs: readonly BlobPull[];
  readonly link?: { readonly bytesPerSecond: number } | undefined;
}): PullSummary {
  const { id, image, blobs } = pull;
  const isRunning = blobs.some(({ endedAtMs }) => endedAtMs === undefined);
  const failed = blobs.find(({ state }) => state === 'failed');
  const ended = failed === undefined ? 'done' : 'failed';
  const state = isRunning ? 'running' : ended;
  const { startedAtMs, untilAtMs, busyMs } = stretchOf(blobs);
  const tookMs = untilAtMs - startedAtMs;
  const idleMs = tookMs - busyMs;
  const fetchedBytes = sum(blobs, (blob) => blob.fetchedBytes);
  const wastedBytes = sum(blobs, (blob) => blob.wastedBytes);
  const bytesPerSecond = rateOf(fetchedBytes, busyMs);
  const bound: Bound | undefined = boundOf(fetchedBytes, busyMs, pull.link);
  const peers = mergePeers(blobs);
  const giving = new Set(peers.filter(({ usefulBytes }) => usefulBytes > 0).map(({ nodeId }) => nodeId));
  const origins = new Set(
    peers.filter((peer) => peer.usefulBytes > 0 && peer.isOrigin === true).map(({ nodeId }) => nodeId),
  );
  const verdict = judge({
    state,
    failure: failed?.failure?.message,
    tookMs,
    fetchedBytes,
    wastedBytes,
    boundFraction: bound?.fraction,
    losses: [...blobs.flatMap(lossOf), { code: 'waited_for_client', ms: idleMs }],
    peers,
  });
  return {
    id,
    ...(image === undefined ? blobOf(blobs) : { image }),
    cause: blobs.some(({ cause }) => cause === 'client') ? 'client' : 'order',
    state,
    startedAtMs,
    ...(isRunning ? {} : { endedAtMs: untilAtMs }),
    tookMs,
    idleMs,
    sizeBytes: sum(blobs, (blob) => blob.sizeBytes),
    hereBytes: sum(blobs, (blob) => blob.hereBytes),
    fetchedBytes,
    wastedBytes,
    ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
    ...(bound === undefined ? {} : { bound }),
    blobCount: blobs.length,
    peerCount: giving.size,
    originCount: origins.size,
    verdict,
  };
}

function blobOf([blob]: readonly BlobPull[]): { readonly blob?: BlobPull['digest'] } {
  return blob === undefined ? {} : { blob: blob.digest };
}

/** What a blob's own verdict explains of its time. */
function lossOf({ verdict }: BlobPull): Loss[] {
  const { code, lostMs, peer } = verdict;
  return lostMs === undefined || !isLossCode(code) ? [] : [{ code, ms: lostMs, peer }];
}

function isLossCode(code: string): code is Loss['code'] {
  return code.startsWith('waited_');
}

/** From the first start to the last end, and how much of that some blob was on its way. */
function stretchOf(blobs: readonly BlobPull[]): {
  readonly startedAtMs: number;
  readonly untilAtMs: number;
  readonly busyMs: number;
} {
  const stretches = blobs
    .map(({ startedAtMs, tookMs }) => ({ from: startedAtMs, to: startedAtMs + tookMs }))
    .sort((left, right) => left.from - right.from);
  const startedAtMs = stretches[0]?.from ?? 0;
  let untilAtMs = startedAtMs;
  let busyMs = 0;
  for (const { from, to } of stretches) {
    busyMs += Math.max(0, to - Math.max(from, untilAtMs));
    untilAtMs = Math.max(untilAtMs, to);
  }
  return { startedAtMs, untilAtMs, busyMs };
}

/** Each peer once per transport, those that gave most first. Those that are not told one by one stay one line. */
export function mergePeers(blobs: readonly BlobPull[]): PeerShare[] {
  const merged = new Map<string, PeerShare>();
  for (const peer of blobs.flatMap(({ peers }) => peers)) {
    const key = `${peer.transport ?? ''} ${peer.nodeId ?? ''}`;
    const before = merged.get(key);
    merged.set(key, before === undefined ? peer : added(before, peer));
  }
  return [...merged.values()].sort((left, right) => right.usefulBytes - left.usefulBytes);
}

function added(one: PeerShare, other: PeerShare): PeerShare {
  return {
    ...one,
    ...other,
    receivedBytes: one.receivedBytes + other.receivedBytes,
    usefulBytes: one.usefulBytes + other.usefulBytes,
    requests: one.requests + other.requests,
    stalls: one.stalls + other.stalls,
    refusals: one.refusals + other.refusals,
    wrongPieces: one.wrongPieces + other.wrongPieces,
    waitedMs: one.waitedMs + other.waitedMs,
  };
}

function sum(blobs: readonly BlobPull[], pick: (blob: BlobPull) => number): number {
  let total = 0;
  for (const blob of blobs) total += pick(blob);
  return total;
}
