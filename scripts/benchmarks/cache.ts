// What the cache of an upstream costs and gives: a pull through it beside one from the upstream itself, and many hosts at once behind
// one line to the upstream.

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { runCommand } from '../../test/support/run-command.ts';
import { openTemporaryFolder } from '../../test/support/temporary-folder.ts';
import { openPacedLink } from './paced-link.ts';
import { median, type Row } from './report.ts';
import { startCoordinator, startNode, startReference, startUp, type Server } from './servers.ts';
import { touchMemory } from './touched-memory.ts';
import { makeSample, pushBlob, pushManifest, type Sample } from './transfers.ts';

/** What to measure. */
export interface CacheOptions {
  readonly runs: number;
  readonly sizeBytes: number;
  /** Of the line to the upstream in the second half of the first part. */
  readonly lineBytesPerSecond: number;
  /** Hosts that ask at once. */
  readonly nodes: number;
  /** The blob that they ask for, and what their line to the upstream carries. */
  readonly fleetSizeBytes: number;
  readonly bytesPerSecond: number;
}

/** Name of the upstream, and so the beginning of its repositories' names. */
const UPSTREAM = 'upstream.example';
const REPOSITORY = 'bench/sample';
const PULL_TIMEOUT_MS = 600_000;

/** A pull as its client saw it, in seconds. */
interface Pull {
  readonly firstByte: number;
  readonly whole: number;
}

/** Debian's docker-registry is the upstream. */
export async function benchCache(
  options: CacheOptions,
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<Row[]> {
  await using owner = new ResourceStack();
  const folder = owner.use(await openTemporaryFolder('bench-cache')).path;
  await mkdir(join(folder, 'samples'));
  const upstream = owner.use(await startReference(join(folder, 'upstream')));
  const alone = await oneHost({ upstream, folder, progress }, options, signal);
  return [...alone, ...(await manyHosts({ upstream, folder, progress }, options, signal))];
}

interface Place {
  readonly upstream: Server;
  readonly folder: string;
  readonly progress: (text: string) => void;
}

/** The same for an upstream on this very host, and for one behind a line. */
async function oneHost(place: Place, options: CacheOptions, signal: AbortSignal): Promise<Row[]> {
  const { upstream } = place;
  await using line = await openPacedLink({ port: upstream.httpPort, bytesPerSecond: options.lineBytesPerSecond });
  const near = { name: 'near', where: 'from loopback', port: upstream.httpPort };
  const far = { name: 'far', where: `over ${megabytes(options.lineBytesPerSecond)}/s`, port: line.port };
  return [...(await oneUpstream(place, near, options, signal)), ...(await oneUpstream(place, far, options, signal))];
}

// oxlint-disable-next-line eslint/max-params -- signal is last
async function oneUpstream(
  { upstream, folder, progress }: Place,
  { name, where, port }: { readonly name: string; readonly where: string; readonly port: number },
  options: CacheOptions,
  signal: AbortSignal,
): Promise<Row[]> {
  await using cache = await startUp(join(folder, `cache-${name}`), cacheOf(port));
  await using theirs = await startReference(join(folder, `theirs-${name}`), { cacheOf: `http://127.0.0.1:${port}` });
  const direct: Pull[] = [];
  const cold: Pull[] = [];
  const warm: Pull[] = [];
  const theirCold: Pull[] = [];
  for (let run = 1; run <= options.runs; run += 1) {
    signal.throwIfAborted();
    progress(`a blob of ${gigabytes(options.sizeBytes)} ${where}, ${run} of ${options.runs}`);
    const blob = await heldUpstream(upstream, folder, { name: `${name}-${run}`, sizeBytes: options.sizeBytes });
    await touchMemory(folder, 3 * options.sizeBytes);
    await pull(upstream.httpPort, REPOSITORY, blob); // so that both measured pulls find its file in memory
    direct.push(await pull(port, REPOSITORY, blob));
    cold.push(await pull(cache.httpPort, `${UPSTREAM}/${REPOSITORY}`, blob));
    warm.push(await pull(cache.httpPort, `${UPSTREAM}/${REPOSITORY}`, blob));
    theirCold.push(await pull(theirs.httpPort, REPOSITORY, blob));
    await rm(blob.path);
  }
  return rowsOfOneHost(`${gigabytes(options.sizeBytes)} ${where}`, { direct, cold, warm, theirCold });
}

function rowsOfOneHost(
  blob: string,
  { direct, cold, warm, theirCold }: Record<'direct' | 'cold' | 'warm' | 'theirCold', readonly Pull[]>,
): Row[] {
  const firstMs = (pulls: readonly Pull[]): number => 1000 * median(pulls.map(({ firstByte }) => firstByte));
  const whole = (pulls: readonly Pull[]): number => median(pulls.map((each) => each.whole));
  const later = median(cold.map(({ firstByte }, run) => 1000 * (firstByte - (direct[run]?.firstByte ?? Number.NaN))));
  return [
    { what: `cold, ${blob}: first byte`, unit: 'ms', shoal: firstMs(cold), reference: firstMs(direct) },
    { what: '  later than without the cache', unit: 'ms', shoal: later, bar: { of: 'value', atMost: 100 } },
    {
      what: `cold, ${blob}: whole`,
      unit: 's',
      shoal: whole(cold),
      reference: whole(direct),
      bar: { of: 'ratio', atMost: 1.1 },
    },
    { what: '  beside their own cache', unit: 's', shoal: whole(cold), reference: whole(theirCold) },
    { what: `warm, ${blob}: first byte`, unit: 'ms', shoal: firstMs(warm), reference: firstMs(direct) },
    { what: `warm, ${blob}: whole`, unit: 's', shoal: whole(warm), reference: whole(direct) },
  ];
}

async function manyHosts({ upstream, folder, progress }: Place, options: CacheOptions, signal: AbortSignal) {
  const { nodes, fleetSizeBytes: sizeBytes, bytesPerSecond } = options;
  await using owner = new ResourceStack();
  const link = owner.use(await openPacedLink({ port: upstream.httpPort, bytesPerSecond }));
  const coordinator = owner.use(await startCoordinator(join(folder, 'coordinator')));
  const ports: number[] = [];
  for (let number = 1; number <= nodes; number += 1) {
    signal.throwIfAborted();
    progress(`host ${number} of ${nodes}`);
    const how = { isOrigin: number === 1, more: cacheOf(link.port) };
    ports.push(owner.use(await startNode(join(folder, `host-${number}`), coordinator, how)).httpPort);
  }
  const blob = await heldUpstream(upstream, folder, { name: 'blob-for-all', sizeBytes });
  await touchMemory(folder, nodes * sizeBytes);
  progress(`${nodes} hosts ask for ${gigabytes(sizeBytes)} at once`);
  const before = link.receivedBytes();
  const pulls = await Promise.all(ports.map((port) => pull(port, `${UPSTREAM}/${REPOSITORY}`, blob)));
  const copies = (link.receivedBytes() - before) / sizeBytes;
  return rowsOfManyHosts(options, { pulls, copies });
}

function rowsOfManyHosts(
  { nodes, fleetSizeBytes, bytesPerSecond }: CacheOptions,
  { pulls, copies }: { readonly pulls: readonly Pull[]; readonly copies: number },
): Row[] {
  const line = `${nodes} hosts at once, ${gigabytes(fleetSizeBytes)} over ${megabytes(bytesPerSecond)}/s`;
  const lineSeconds = fleetSizeBytes / bytesPerSecond;
  const firsts = pulls.map(({ firstByte }) => firstByte * 1000);
  const slowest = Math.max(...pulls.map(({ whole }) => whole));
  return [
    // What an answer has besides the blob is counted too.
    { what: `${line}: copies from the upstream`, unit: 'x', shoal: copies, bar: { of: 'value', atMost: 1.01 } },
    { what: '  first byte at a host, p50', unit: 'ms', shoal: median(firsts) },
    { what: '  first byte at the slowest', unit: 'ms', shoal: Math.max(...firsts) },
    { what: '  slowest host has all', unit: 's', shoal: slowest },
    { what: '  the same, in times of one copy over the line', unit: 'x', shoal: slowest / lineSeconds },
  ];
}

/** A new blob that the upstream holds in `REPOSITORY`. */
async function heldUpstream(
  upstream: Server,
  folder: string,
  { name, sizeBytes }: { readonly name: string; readonly sizeBytes: number },
): Promise<Sample> {
  const blob = await makeSample(join(folder, 'samples'), name, sizeBytes);
  await pushBlob(upstream.httpPort, blob, REPOSITORY);
  await pushManifest(upstream.httpPort, [blob], name);
  return blob;
}

/** Flags of a registry that is a cache of the one on this port. */
function cacheOf(port: number): string[] {
  const registries = [{ name: UPSTREAM, url: `http://127.0.0.1:${port}` }];
  return ['--upstreams-registries', JSON.stringify(registries)];
}

/** By curl, which throws the bytes away. @throws {Error} unless it got all of them. */
async function pull(port: number, repository: string, { digest, sizeBytes }: Sample): Promise<Pull> {
  const url = `http://127.0.0.1:${port}/v2/${repository}/blobs/${digest}`;
  const told = '%{size_download} %{time_starttransfer} %{time_total}';
  const output = await runCommand(['curl', '-sS', '-f', '-o', '/dev/null', '-w', told, url], {
    timeoutMs: PULL_TIMEOUT_MS,
  });
  const [received, firstByte, whole] = output.split(' ').map(Number);
  if (received !== sizeBytes || firstByte === undefined || whole === undefined)
    throw new Error(`GET ${url}: got ${received} of ${sizeBytes} bytes`);
  return { firstByte, whole };
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}
