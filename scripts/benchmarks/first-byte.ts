// How soon a client gets the first byte of what is not on its host: small blobs between two nodes, and a large one in
// the middle of a swarm.

import { createHash } from 'node:crypto';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pieceBytesFor } from '../../shared/pieces/piece-table.ts';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { openTemporaryFolder } from '../../test/support/temporary-folder.ts';
import { downloadEnd } from './own-report.ts';
import { median, percentile, type Row } from './report.ts';
import { startCoordinator, startNode } from './servers.ts';
import { makeSample, pullBlob, pushBlob, pushManifest, type Sample } from './transfers.ts';

/** What to measure. */
export interface FirstByteOptions {
  readonly runs: number;
  readonly sizeBytes: number;
  /** Small blobs of each size. */
  readonly smallBlobs: number;
}

const SMALL_SIZES = [1, 1024, 64 * 1024, 1024 * 1024];
/** Others download before the one that is measured begins, so that it comes into a running swarm. */
const OTHERS_FIRST_MS = 500;
const DOWNLOAD_TIMEOUT_MS = 300_000;
const REPOSITORY = 'bench/sample';

/** Four nodes on loopback, of which one is the origin. */
export async function benchFirstByte(
  options: FirstByteOptions,
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<Row[]> {
  await using owner = new ResourceStack();
  const folder = owner.use(await openTemporaryFolder('bench-first-byte')).path;
  const samples = join(folder, 'samples');
  await mkdir(samples);
  const coordinator = owner.use(await startCoordinator(join(folder, 'coordinator')));
  const origin = owner.use(await startNode(join(folder, 'origin'), coordinator, { isOrigin: true }));
  const nodes = [];
  for (const name of ['first', 'second', 'measured']) {
    signal.throwIfAborted();
    nodes.push(owner.use(await startNode(join(folder, name), coordinator, { isOrigin: false })));
  }
  const [first, second, measured] = nodes;
  if (first === undefined || second === undefined || measured === undefined) throw new Error('three nodes');
  const ports = { origin: origin.httpPort, others: [first.httpPort, second.httpPort], measured: measured.httpPort };
  const small = await smallBlobs(ports, { samples, count: options.smallBlobs, progress }, signal);
  return [...small, ...(await largeBlob(ports, { ...options, samples, progress }, signal))];
}

interface Ports {
  readonly origin: number;
  readonly others: readonly number[];
  readonly measured: number;
}

async function smallBlobs(
  ports: Ports,
  how: { readonly samples: string; readonly count: number; readonly progress: (text: string) => void },
  signal: AbortSignal,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const sizeBytes of SMALL_SIZES) {
    how.progress(`blobs of ${sizeBytes} bytes`);
    const blobs: Sample[] = [];
    for (let number = 0; number < how.count; number += 1) {
      blobs.push(await makeSample(how.samples, `small-${sizeBytes}-${number}`, sizeBytes));
    }
    for (const blob of blobs) await pushBlob(ports.origin, blob);
    await pushManifest(ports.origin, blobs, `small-${sizeBytes}`);
    const times: number[] = [];
    for (const blob of blobs) times.push((await readBlob(ports.measured, blob, signal)).lastByteMs);
    // The first of all makes the connection between the nodes, and is one of the times.
    const what = `cold blob of ${sizeBytes} B between nodes, whole`;
    rows.push({ what: `${what}, p50`, unit: 'ms', shoal: median(times), bar: { of: 'value', atMost: 20 } });
    rows.push({ what: `${what}, p90`, unit: 'ms', shoal: percentile(times, 0.9) });
  }
  return rows;
}

async function largeBlob(
  ports: Ports,
  how: FirstByteOptions & { readonly samples: string; readonly progress: (text: string) => void },
  signal: AbortSignal,
): Promise<Row[]> {
  const firstBytes: number[] = [];
  const pieceMs: number[] = [];
  const readerRatios: number[] = [];
  const { sizeBytes } = how;
  for (let run = 0; run < how.runs; run += 1) {
    how.progress(`a blob of ${(sizeBytes / 1e9).toFixed(2)} GB in a running swarm, ${run + 1} of ${how.runs}`);
    const blob = await makeSample(how.samples, `large-${run}`, sizeBytes);
    await pushBlob(ports.origin, blob);
    await pushManifest(ports.origin, [blob], `large-${run}`);
    const others = Promise.all(ports.others.map((port) => pullBlob(port, blob)));
    await pause(OTHERS_FIRST_MS, undefined, { signal });
    const [read] = await Promise.all([readBlob(ports.measured, blob, signal), others]);
    const download = await downloadEnd(ports.measured, blob.digest, DOWNLOAD_TIMEOUT_MS);
    firstBytes.push(read.firstByteMs);
    pieceMs.push((download.tookMs * pieceBytesFor(sizeBytes)) / sizeBytes);
    readerRatios.push(read.lastByteMs / download.tookMs);
  }
  const name = `cold blob of ${(sizeBytes / 1e9).toFixed(2)} GB while two others pull it`;
  return [
    {
      what: `${name}, first byte`,
      unit: 'ms',
      shoal: median(firstBytes),
      bar: { of: 'value', atMost: Math.round(100 + median(pieceMs)) },
    },
    { what: `${name}, first byte, slowest run`, unit: 'ms', shoal: Math.max(...firstBytes) },
    {
      what: `${name}, end of a client that reads in order, in times of the download`,
      unit: 'x',
      shoal: median(readerRatios),
      bar: { of: 'value', atMost: 1.05 },
    },
  ];
}

/** Reads a blob in order as docker does, and checks it. */
async function readBlob(
  port: number,
  { digest, sizeBytes }: Sample,
  signal: AbortSignal,
): Promise<{ readonly firstByteMs: number; readonly lastByteMs: number }> {
  const startMs = performance.now();
  const path = `/v2/${REPOSITORY}/blobs/${digest}`;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    httpGet({ host: '127.0.0.1', port, path, signal }, resolve).once('error', reject);
  });
  if (answer.statusCode !== 200) throw new Error(`GET ${path}: ${answer.statusCode}`);
  const hash = createHash('sha256');
  let firstByteMs = Number.NaN;
  let received = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    if (received === 0) firstByteMs = performance.now() - startMs;
    received += chunk.length;
    hash.update(chunk);
  }
  const lastByteMs = performance.now() - startMs;
  if (received !== sizeBytes || `sha256:${hash.digest('hex')}` !== digest) throw new Error(`GET ${path}: wrong bytes`);
  return { firstByteMs, lastByteMs };
}
