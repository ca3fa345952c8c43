// One host: Shoal beside Debian's docker-registry, same files, alternating runs, medians and ratios;
// then what only Shoal has: memory of a node and the way from node to node.

import { mkdir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { join } from 'node:path';
import { openTemporaryFolder } from '../../test/support/temporary-folder.ts';
import { meter, residentBytes, resetPeak } from './process-meter.ts';
import { median, type Row } from './report.ts';
import { startCoordinator, startNode, startReference, startUp, type Server } from './servers.ts';
import { touchMemory } from './touched-memory.ts';
import { makeSample, manifestRate, pullBlob, pushBlob, pushManifest, type Sample } from './transfers.ts';

const MIB = 1024 * 1024;
const GB = 1e9;
/** V8 gives back what the start left when a process has done nothing for some eight seconds; an idle node is one after that. */
const IDLE_SETTLE_MS = 15_000;
/** Fresh memory that a copy takes, with room for what else the machine does. */
const TOUCHED_PER_BYTE = 1.5;

export const LOCAL_PARTS = ['beside', 'nodes'] as const;
export type LocalPart = (typeof LOCAL_PARTS)[number];

/** How much to measure. `scale` divides every size, for a quick look at whether it works. */
export interface LocalOptions {
  readonly runs: number;
  readonly scale: number;
  /** Which halves: what docker-registry does too, and what happens between nodes. */
  readonly parts: readonly LocalPart[];
  /** Told what is being measured now. */
  readonly progress: (text: string) => void;
}

/** Runs every measurement and gives its rows. Uses up to 15 GB of disk for a few minutes at scale 1. */
export async function benchLocal(options: LocalOptions): Promise<Row[]> {
  await using folder = await openTemporaryFolder('bench');
  const rows: Row[] = [];
  if (options.parts.includes('beside')) rows.push(...(await sideBySide(folder.path, options)));
  if (options.parts.includes('nodes')) rows.push(...(await betweenNodes(folder.path, options)));
  return rows;
}

async function sideBySide(folder: string, { runs, scale, progress }: LocalOptions): Promise<Row[]> {
  await using shoal = await startUp(join(folder, 'up'));
  await using reference = await startReference(join(folder, 'reference'));
  const blob = await makeSample(folder, 'blob', Math.round((512 * MIB) / scale));
  for (const server of [shoal, reference]) {
    await pushBlob(server.httpPort, blob);
    await pushManifest(server.httpPort, [blob], 'v1');
    await pullBlob(server.httpPort, blob); // warm
  }
  const rows: Row[] = [];
  for (const streams of [1, 4]) {
    progress(`warm GET, ${streams} stream(s)`);
    const measured = await alternate(runs, shoal, reference, (server) =>
      meter([server.pid], () => pullBlob(server.httpPort, blob, streams)),
    );
    const megabytes = (streams * blob.sizeBytes) / 1e6;
    const what = `warm GET of ${Math.round(blob.sizeBytes / MIB)} MiB, ${streams} stream(s)`;
    const rate = (side: Metered[]): number => median(side.map((run) => megabytes / run.wallSeconds));
    const cpu = (side: Metered[]): number => median(side.map((run) => (run.cpuSeconds * 1000) / megabytes));
    rows.push({
      what,
      unit: 'MB/s',
      shoal: rate(measured.shoal),
      reference: rate(measured.reference),
      bar: { of: 'ratio', atLeast: streams === 1 ? 1.3 : 1 },
    });
    rows.push({
      what: `${what}, server`,
      unit: 'CPU s/GB',
      shoal: cpu(measured.shoal),
      reference: cpu(measured.reference),
      bar: { of: 'ratio', atMost: 0.8 },
    });
  }
  rows.push(await pushes(folder, { runs, scale, progress }, { shoal, reference }));
  for (const method of ['GET', 'HEAD'] as const) {
    progress(`manifest ${method}`);
    const measured = await alternate(runs, shoal, reference, (server) =>
      manifestRate(server.httpPort, 'v1', { method, seconds: Math.max(1, Math.round(4 / scale)) }),
    );
    rows.push({
      what: `manifest ${method} by tag, 16 connections`,
      unit: 'requests/s',
      shoal: median(measured.shoal),
      reference: median(measured.reference),
      bar: { of: 'ratio', atLeast: 10 },
    });
  }
  return rows;
}

async function pushes(
  folder: string,
  { runs, scale, progress }: Omit<LocalOptions, 'parts'>,
  servers: { shoal: Server; reference: Server },
): Promise<Row> {
  const sizeBytes = Math.round((256 * MIB) / scale);
  const samples: Sample[] = [];
  for (let run = 0; run < runs; run += 1) samples.push(await makeSample(folder, `push-${run}`, sizeBytes));
  progress('push in one PATCH');
  const measured = await alternate(runs, servers.shoal, servers.reference, async (server, run) => {
    const sample = samples[run];
    if (sample === undefined) throw new Error('a sample for every run');
    await touchMemory(folder, TOUCHED_PER_BYTE * sizeBytes);
    return meter([server.pid], () => pushBlob(server.httpPort, sample));
  });
  const seconds = (side: Metered[]): number => median(side.map((run) => run.wallSeconds));
  return {
    what: `push of ${Math.round(sizeBytes / MIB)} MiB in one PATCH`,
    unit: 's',
    shoal: seconds(measured.shoal),
    reference: seconds(measured.reference),
    bar: { of: 'ratio', atMost: 0.4 },
  };
}

async function betweenNodes(folder: string, { runs, scale, progress }: LocalOptions): Promise<Row[]> {
  await using coordinator = await startCoordinator(join(folder, 'coordinator'));
  await using origin = await startNode(join(folder, 'origin'), coordinator, { isOrigin: true });
  await using pusher = await startNode(join(folder, 'pusher'), coordinator, { isOrigin: false });
  await using puller = await startNode(join(folder, 'puller'), coordinator, { isOrigin: false });
  const folders = { samples: join(folder, 'samples') };
  await mkdir(folders.samples, { recursive: true });
  const memory = await memoryOfNodes({ pusher, puller }, folders, { scale, progress });
  return [...memory, ...(await copiesBetween({ origin, pusher, puller }, folders, { runs, scale, progress }))];
}

type Node = Awaited<ReturnType<typeof startNode>>;

async function memoryOfNodes(
  { pusher, puller }: { readonly pusher: Node; readonly puller: Node },
  { samples }: { readonly samples: string },
  { scale, progress }: Pick<LocalOptions, 'scale' | 'progress'>,
): Promise<Row[]> {
  const rows: Row[] = [];
  progress('memory of an idle node');
  await pause(IDLE_SETTLE_MS);
  rows.push({
    what: 'node, resident when idle',
    unit: 'MB',
    shoal: (await residentBytes(puller.pid)).now / 1e6,
    bar: nodeBar(100),
  });

  const big = await makeSample(samples, 'big', Math.round((4096 * MIB) / scale));
  const bigName = `${Math.round(big.sizeBytes / MIB)} MiB`;
  progress(`memory while ${bigName} is pushed`);
  await resetPeak(pusher.pid);
  await pushBlob(pusher.httpPort, big);
  await pushManifest(pusher.httpPort, [big], 'big');
  rows.push({
    what: `node, peak while ${bigName} is pushed to it`,
    unit: 'MB',
    shoal: (await residentBytes(pusher.pid)).peak / 1e6,
    bar: nodeBar(200),
  });
  progress(`memory while ${bigName} is pulled through`);
  await resetPeak(puller.pid);
  await pullBlob(puller.httpPort, big);
  rows.push({
    what: `node, peak while ${bigName} is pulled through it`,
    unit: 'MB',
    shoal: (await residentBytes(puller.pid)).peak / 1e6,
    bar: nodeBar(200),
  });
  return rows;
}

/**
 * The way of a blob to an origin that fetches it as soon as another node has it: from the end of the push of the blob to
 * the answer to its manifest, which waits for the origin's durable copy. And the way to a node that passes it to a client.
 */
async function copiesBetween(
  { origin, pusher, puller }: Record<'origin' | 'pusher' | 'puller', Node>,
  { samples }: { readonly samples: string },
  { runs, scale, progress }: Pick<LocalOptions, 'runs' | 'scale' | 'progress'>,
): Promise<Row[]> {
  const toOrigin: Metered[] = [];
  const toClient: Metered[] = [];
  const sizeBytes = Math.round(GB / scale);
  for (let run = 0; run < runs; run += 1) {
    progress(`copy from node to node, ${run + 1} of ${runs}`);
    const sample = await makeSample(samples, `copy-${run}`, sizeBytes);
    await touchMemory(samples, TOUCHED_PER_BYTE * 2 * sizeBytes);
    await pushBlob(pusher.httpPort, sample);
    const push = (): Promise<void> => pushManifest(pusher.httpPort, [sample], `copy-${run}`);
    toOrigin.push(await meter([origin.pid, pusher.pid], push));
    await touchMemory(samples, TOUCHED_PER_BYTE * sizeBytes);
    // The whole is asked for: of a range only its pieces would come.
    toClient.push(await meter([origin.pid, pusher.pid, puller.pid], () => pullBlob(puller.httpPort, sample)));
  }
  const what = `${(sizeBytes / GB).toFixed(2)} GB from node to node, verified, TLS`;
  return [
    ...copyRows({ what, sizeBytes, speed: { of: 'value', atLeast: 400 }, cpu: nodeBar(4) }, toOrigin),
    ...copyRows({ what: `${what}, passed to a client while it arrives`, sizeBytes }, toClient),
  ];
}

function copyRows(
  {
    what,
    sizeBytes,
    speed,
    cpu,
  }: { readonly what: string; readonly sizeBytes: number; readonly speed?: Row['bar']; readonly cpu?: Row['bar'] },
  copies: readonly Metered[],
): Row[] {
  return [
    {
      what,
      unit: 'MB/s',
      shoal: median(copies.map((run) => sizeBytes / 1e6 / run.wallSeconds)),
      ...(speed === undefined ? {} : { bar: speed }),
    },
    {
      what: `${what}, the nodes`,
      unit: 'CPU s/GB',
      shoal: median(copies.map((run) => (run.cpuSeconds * GB) / sizeBytes)),
      ...(cpu === undefined ? {} : { bar: cpu }),
    },
  ];
}

function nodeBar(atMost: number): NonNullable<Row['bar']> {
  return { of: 'value', atMost };
}

type Metered = Awaited<ReturnType<typeof meter>>;

/** Runs the same on both servers in turn, so that a noisy minute hits both. */
async function alternate<T>(
  runs: number,
  shoal: Server,
  reference: Server,
  measure: (server: Server, run: number) => Promise<T>,
): Promise<{ shoal: T[]; reference: T[] }> {
  const results: { shoal: T[]; reference: T[] } = { shoal: [], reference: [] };
  for (let run = 0; run < runs; run += 1) {
    results.shoal.push(await measure(shoal, run));
    results.reference.push(await measure(reference, run));
  }
  return results;
}
