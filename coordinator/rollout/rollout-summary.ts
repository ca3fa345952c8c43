// The hosts of a rollout in numbers that fit a screen, whatever their number. Pure.

import { PROGRESS_STEPS, type HostRow, type HostState, type RolloutStatus } from '../../shared/protocol/rollout.ts';
import type { HostProgress } from './asked-images.ts';

/** A host that has all that it asked for counts as done after this time without a further request: clients ask for a few blobs at a time. */
const SETTLED_MS = 3000;
/** A host counts as stopped when nothing moved for this long, which is also how long a download waits for a holder. */
const STOPPED_MS = 60_000;

/** One host with what is known of it. */
export interface RolloutHost {
  readonly nodeId: string;
  readonly isConnected: boolean;
  readonly progress: HostProgress;
  /** Bytes of its image; 0 for an index, as long as no platform was chosen. */
  readonly sizeBytes: number;
  /** Its running downloads of the image, as it reported them last. */
  readonly running: { readonly doneBytes: number; readonly peers: number } | undefined;
}

export function stateOf(host: RolloutHost, nowMs: number): HostState {
  const { progress, running } = host;
  const { askedMs, activeMs, gainedMs, blobCount, heldCount, openCount } = progress;
  if (blobCount > 0 && heldCount === blobCount) return 'done';
  if (running !== undefined) return 'pulling';
  const quietMs = nowMs - activeMs;
  if (askedMs === undefined) return 'idle';
  const hasFetched = gainedMs !== undefined && gainedMs >= askedMs;
  if (hasFetched && openCount === 0 && quietMs >= SETTLED_MS) return 'done';
  if (hasFetched || openCount > 0) return quietMs < STOPPED_MS ? 'pulling' : 'stopped';
  return quietMs < STOPPED_MS ? 'asked' : 'idle';
}

type Summary = Pick<
  RolloutStatus,
  'hosts' | 'doneBytes' | 'sizeBytes' | 'runningMs' | 'doneTimes' | 'progress' | 'slowest'
>;

/** @param options.slowest how many hosts to tell one by one. */
export function summarizeRollout(
  hosts: Iterable<RolloutHost>,
  options: { readonly nowMs: number; readonly slowest: number },
): Summary {
  const { nowMs } = options;
  const counts = { asked: 0, pulling: 0, done: 0, stopped: 0, idle: 0 };
  const progress = Array.from({ length: PROGRESS_STEPS }, () => 0);
  const slowest: HostRow[] = [];
  const times: number[] = [];
  let doneBytes = 0;
  let sizeBytes = 0;
  let firstAskedMs: number | undefined;
  for (const host of hosts) {
    const state = stateOf(host, nowMs);
    counts[state] += 1;
    if (state === 'idle') continue;
    const row = rowOf(host, state, nowMs);
    keepSlowest(slowest, row, options.slowest);
    doneBytes += row.doneBytes;
    sizeBytes += row.sizeBytes;
    const { askedMs, gainedMs } = host.progress;
    if (askedMs !== undefined) firstAskedMs = Math.min(firstAskedMs ?? askedMs, askedMs);
    if (state !== 'done') {
      const step = Math.min(PROGRESS_STEPS - 1, Math.floor(shareOf(row) * PROGRESS_STEPS));
      progress[step] = (progress[step] ?? 0) + 1;
    } else if (gainedMs !== undefined && row.tookMs !== undefined) times.push(row.tookMs);
  }
  const doneTimes = timesOf(times);
  return {
    hosts: counts,
    doneBytes,
    sizeBytes,
    ...(firstAskedMs === undefined ? {} : { runningMs: Math.round(nowMs - firstAskedMs) }),
    ...(doneTimes === undefined ? {} : { doneTimes }),
    progress,
    slowest,
  };
}

function rowOf(host: RolloutHost, state: HostState, nowMs: number): HostRow {
  const { nodeId, isConnected, running, progress } = host;
  const { askedMs, heldBytes, gainedMs } = progress;
  // What nobody asked for on a host that is done is no part of its pull.
  const sizeBytes = state === 'done' ? heldBytes : host.sizeBytes;
  const endMs = state === 'done' ? Math.max(gainedMs ?? 0, askedMs ?? 0) : nowMs;
  return {
    nodeId,
    state,
    isConnected,
    doneBytes: Math.min(sizeBytes, heldBytes + (running?.doneBytes ?? 0)),
    sizeBytes,
    ...(running === undefined ? {} : { peers: running.peers }),
    ...(askedMs === undefined ? {} : { tookMs: Math.round(endMs - askedMs) }),
  };
}

/** Puts a row where it belongs among the `limit` slowest, if it is one of them. To sort ten thousand would stop the sessions. */
function keepSlowest(slowest: HostRow[], row: HostRow, limit: number): void {
  const last = slowest.at(-1);
  if (slowest.length >= limit && last !== undefined && bySlowness(row, last) > 0) return;
  let from = 0;
  for (let to = slowest.length; from < to;) {
    const middle = (from + to) >> 1;
    const other = slowest[middle];
    if (other !== undefined && bySlowness(other, row) <= 0) from = middle + 1;
    else to = middle;
  }
  slowest.splice(from, 0, row);
  if (slowest.length > limit) slowest.pop();
}

/** Those that are not done first, those with the least first; then the slowest of the done ones. */
function bySlowness(one: HostRow, other: HostRow): number {
  const isOneDone = one.state === 'done';
  if (isOneDone !== (other.state === 'done')) return isOneDone ? 1 : -1;
  const byShare = shareOf(one) - shareOf(other);
  if (byShare !== 0) return byShare;
  const byTime = (other.tookMs ?? 0) - (one.tookMs ?? 0);
  if (byTime !== 0) return byTime;
  return one.nodeId < other.nodeId ? -1 : 1;
}

function shareOf({ doneBytes, sizeBytes }: HostRow): number {
  return sizeBytes === 0 ? 0 : doneBytes / sizeBytes;
}

function timesOf(unsorted: readonly number[]): RolloutStatus['doneTimes'] {
  if (unsorted.length === 0) return undefined;
  const times = Float64Array.from(unsorted).sort();
  const at = (share: number): number => times[Math.max(0, Math.ceil(share * times.length) - 1)] ?? 0;
  return { hosts: times.length, p50Ms: at(0.5), p90Ms: at(0.9), p99Ms: at(0.99), maxMs: at(1) };
}
