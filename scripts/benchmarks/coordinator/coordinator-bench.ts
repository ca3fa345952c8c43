// One real coordinator, thousands of real sessions: how long a resolve takes while all of them announce.

import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { adminTarget } from '../../../node/cli/fleet-access.ts';
import { pieceBytesFor, pieceCount } from '../../../shared/pieces/piece-table.ts';
import type { CoordinatorTarget } from '../../../shared/protocol/coordinator-api.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { ResourceStack } from '../../../shared/runtime/resource-stack.ts';
import { openTemporaryFolder } from '../../../test/support/temporary-folder.ts';
import { watchIdleShare } from '../machine-load.ts';
import { residentBytes } from '../process-meter.ts';
import { startCoordinator } from '../servers.ts';
import { type BlobParams, type SessionWorker, startSessionWorker } from './session-worker.ts';

/** What to measure. */
export interface CoordinatorOptions {
  readonly sessions: number;
  /** Processes that hold them. */
  readonly workers: number;
  /** Times that everybody announces a blob, one after the other. */
  readonly rounds: number;
  /** Between resolves, which do not wait for each other. */
  readonly resolveEveryMs: number;
}

/** What came of it. Times are in milliseconds. */
export interface CoordinatorResult {
  readonly openSeconds: number;
  /** Of resolves while nobody announces, and while everybody does. */
  readonly quiet: readonly number[];
  readonly announcing: readonly number[];
  /** Of each round, until the last announcement was acknowledged. */
  readonly roundMs: readonly number[];
  /** Of all announcements, from the common start of their round to the acknowledgement. */
  readonly announceMs: readonly number[];
  /** Of the coordinator: with all sessions open, and at its highest. */
  readonly residentBytes: { readonly open: number; readonly peak: number };
  readonly idleShare: number;
}

const REPOSITORY = 'bench/image';
const TAG = 'v1';
const BLOB_BYTES = 100 * 1024 * 1024;
const QUIET_MS = 5_000;
/** From the order to announce to the moment itself. */
const ANNOUNCE_IN_MS = 500;
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

/** Makes everything, measures, and removes everything. */
export async function benchCoordinator(
  options: CoordinatorOptions,
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<CoordinatorResult> {
  await using owner = new ResourceStack();
  const folder = owner.use(await openTemporaryFolder('bench-coordinator')).path;
  const coordinator = owner.use(await startCoordinator(join(folder, 'coordinator')));
  const target = await adminTarget(join(folder, 'coordinator/data'), silentLogger);
  const fleet = { coordinator: target.address, fleetId: target.fleetId, ca: target.ca };

  const origin = owner.use(await startSessionWorker());
  const originToken = await coordinator.newToken();
  await origin.call('open', { ...fleet, token: originToken, count: 1, firstNumber: 0, isOrigin: true }, signal);
  const blobs = Array.from({ length: options.rounds }, madeUpBlob);
  await origin.call('push', { repository: REPOSITORY, tag: TAG, blobs, manifest: manifestOf(blobs) }, signal);

  progress(`${options.sessions} nodes join and open their sessions`);
  const startMs = performance.now();
  const workers = await openSessions(
    owner,
    { options, fleet, token: await coordinator.newToken(options.sessions) },
    signal,
  );
  const openSeconds = (performance.now() - startMs) / 1000;
  const open = (await residentBytes(coordinator.pid)).now;

  progress('resolves while nobody announces');
  const quiet = await resolveWhile(origin, options, () => pause(QUIET_MS, undefined, { signal }), signal);
  const idleShare = await watchIdleShare();
  const rounds: Array<{ readonly tookMs: number; readonly times: readonly number[] }> = [];
  const announcing = await resolveWhile(
    origin,
    options,
    async () => {
      for (const [index, blob] of blobs.entries()) {
        progress(`all announce, ${index + 1} of ${blobs.length}`);
        rounds.push(await announceEverywhere(workers, blob, signal));
      }
    },
    signal,
  );
  return {
    openSeconds,
    quiet,
    announcing,
    roundMs: rounds.map((round) => round.tookMs),
    announceMs: rounds.flatMap((round) => round.times),
    residentBytes: { open, peak: (await residentBytes(coordinator.pid)).peak },
    idleShare: await idleShare(),
  };
}

async function openSessions(
  owner: ResourceStack,
  wanted: {
    readonly options: CoordinatorOptions;
    readonly fleet: { readonly coordinator: string } & Pick<CoordinatorTarget, 'fleetId' | 'ca'>;
    readonly token: string;
  },
  signal: AbortSignal,
): Promise<SessionWorker[]> {
  const { sessions, workers: count } = wanted.options;
  const workers: SessionWorker[] = [];
  for (let index = 0; index < count; index += 1) workers.push(owner.use(await startSessionWorker()));
  await Promise.all(
    workers.map((worker, index) => {
      const from = Math.floor((sessions * index) / count);
      const to = Math.floor((sessions * (index + 1)) / count);
      const nodes = { count: to - from, firstNumber: from + 1, isOrigin: false };
      return worker.call('open', { ...wanted.fleet, token: wanted.token, ...nodes }, signal);
    }),
  );
  return workers;
}

/** @returns the times of all resolves that were asked for while `work` ran. */
async function resolveWhile(
  prober: SessionWorker,
  options: CoordinatorOptions,
  work: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const image = { repository: REPOSITORY, tag: TAG, everyMs: options.resolveEveryMs };
  const resolving = prober.call('resolve', image, signal);
  try {
    await work();
  } finally {
    await prober.call('stopResolving', {}, signal);
  }
  return resolving;
}

async function announceEverywhere(
  workers: readonly SessionWorker[],
  { digest, sizeBytes }: BlobParams,
  signal: AbortSignal,
): Promise<{ readonly tookMs: number; readonly times: readonly number[] }> {
  const atMs = Date.now() + ANNOUNCE_IN_MS;
  const times = await Promise.all(
    workers.map((worker) => worker.call('announce', { digest, sizeBytes, atMs }, signal)),
  );
  const all = times.flat();
  let tookMs = 0;
  for (const each of all) tookMs = Math.max(tookMs, each);
  return { tookMs, times: all };
}

/** The coordinator never sees bytes of a blob, so these have none. */
function madeUpBlob(): BlobParams {
  const cut = { sizeBytes: BLOB_BYTES, pieceBytes: pieceBytesFor(BLOB_BYTES) };
  const digest = `sha256:${randomBytes(32).toString('hex')}`;
  return { ...cut, digest, hashes: randomBytes(32 * pieceCount(cut)).toString('base64') };
}

function manifestOf(blobs: readonly BlobParams[]): {
  readonly digest: string;
  readonly mediaType: string;
  readonly text: string;
} {
  const layers = blobs.map(({ digest, sizeBytes }) => ({
    mediaType: 'application/vnd.oci.image.layer.v1.tar',
    digest,
    size: sizeBytes,
  }));
  const text = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_TYPE, config: layers[0], layers });
  return { digest: `sha256:${createHash('sha256').update(text).digest('hex')}`, mediaType: MANIFEST_TYPE, text };
}
