// A fleet of network namespaces pulls one image at once: through Shoal, then from a central docker-registry.

import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ResourceStack } from '../../../shared/runtime/resource-stack.ts';
import { HostNetwork } from '../../../test/support/host-network.ts';
import { openTemporaryFolder } from '../../../test/support/temporary-folder.ts';
import { watchIdleShare } from '../machine-load.ts';
import { totalCpu } from '../process-meter.ts';
import { touchMemory } from '../touched-memory.ts';
import { makeSample, type Sample } from '../transfers.ts';
import { startCentralSide } from './central-side.ts';
import { type BenchHost, type BenchHosts, type DistributionSide, REPOSITORY } from './distribution-side.ts';
import { type FleetOptions, kindOf, rateOf } from './fleet-options.ts';
import type { HostResult, SideResult } from './fleet-result.ts';
import { fluidBoundSeconds } from './fluid-bound.ts';
import { type HostAgent, monotonicMs, type PullTimes, startHostAgent } from './host-agent.ts';
import { LinkTraffic } from './link-traffic.ts';
import { startSwarmSide } from './swarm-side.ts';

/** From the word to start until the start, so that it reaches every client before. */
const START_IN_MS = 1_000;
/** A pull that takes so many times what a central registry would need is stuck. */
const STUCK_FACTOR = 3;
const STUCK_LEAST_MS = 60_000;
const MEASURED_TAG = 'v1';
/** Bytes of the config blob. */
const CONFIG_BYTES = 512;

export const SIDES = ['shoal', 'docker-registry'] as const;
export type SideName = (typeof SIDES)[number];

/** The bound of the hosts that are neither slow nor killed. */
export function boundSeconds(options: FleetOptions): number {
  const healthy = options.hosts - options.slowHosts - options.killedHosts;
  const rate = options.bytesPerSecond;
  return fluidBoundSeconds({
    sizeBytes: options.sizeBytes,
    sourceBytesPerSecond: options.isFromNode ? 2 * rate : rate,
    hosts: Array.from({ length: healthy }, () => ({ downBytesPerSecond: rate, upBytesPerSecond: rate })),
  });
}

/**
 * One run of one side with everything made for it alone, and removed after it.
 * @param context.run tells runs apart: each has an image of its own.
 */
export async function measureSide(
  name: SideName,
  options: FleetOptions,
  context: { readonly run: number; readonly progress: (text: string) => void },
  signal: AbortSignal,
): Promise<SideResult> {
  const { progress } = context;
  await using owner = new ResourceStack();
  const folder = owner.use(await openTemporaryFolder('bench-fleet')).path;
  const hasPusher = options.isFromNode && name === 'shoal';
  progress(`${name}: ${options.hosts} hosts`);
  const hosts = await openHosts(owner, { options, hasPusher }, signal);
  const start = name === 'shoal' ? startSwarmSide : startCentralSide;
  const side = owner.use(await start(hosts, { folder: join(folder, 'side') }, signal));
  if (options.warmUpBytes > 0 && name === 'shoal') {
    progress(`${name}: warm-up`);
    const layers = await makeLayers(folder, { ...options, sizeBytes: options.warmUpBytes }, `${context.run}-warm`);
    await side.push('warm', layers, signal);
    await pullAll(side, hosts, { tag: 'warm', atMs: monotonicMs() }, signal);
  }
  progress(`${name}: push`);
  await side.push(MEASURED_TAG, await makeLayers(folder, options, `${context.run}`), signal);
  await touchMemory(folder, (options.hosts + 1) * options.sizeBytes);
  progress(`${name}: ${options.hosts} hosts pull`);
  return await pullEverywhere(side, hosts, options, signal);
}

/** Lets every host pull. @returns for each what its client says, or how it failed. */
function pullAll(
  side: DistributionSide,
  hosts: BenchHosts,
  image: { readonly tag: string; readonly atMs: number },
  signal: AbortSignal,
): Promise<Array<PullTimes | Error>> {
  const place = { registry: side.registry, repository: REPOSITORY, ...image };
  return Promise.all(
    hosts.pullers.map(async ({ agent }) => {
      try {
        return await agent.call('pull', place, signal);
      } catch (error) {
        return error instanceof Error ? error : new Error(String(error));
      }
    }),
  );
}

interface OpenHosts extends BenchHosts {
  readonly switchAgent: HostAgent;
}

async function openHosts(
  owner: ResourceStack,
  wanted: { readonly options: FleetOptions; readonly hasPusher: boolean },
  signal: AbortSignal,
): Promise<OpenHosts> {
  const { options, hasPusher } = wanted;
  const count = options.hosts + (hasPusher ? 3 : 2);
  const network = owner.use(
    await HostNetwork.open({
      hosts: count,
      bytesPerSecond: (index) => (index < options.hosts ? rateOf(index, options) : options.bytesPerSecond),
    }),
  );
  signal.throwIfAborted();
  const hosts: BenchHost[] = [];
  for (const host of network.hosts) {
    hosts.push({ network: host, agent: owner.use(await startHostAgent(host.namespace)) });
  }
  const [source, control, pusher] = hosts.slice(options.hosts);
  if (source === undefined || control === undefined) throw new Error('a network has the hosts that were asked for');
  const switchAgent = owner.use(await startHostAgent(network.switchNamespace));
  return { pullers: hosts.slice(0, options.hosts), source, control, pusher, switchAgent };
}

/** A small config blob, and layers that make up the size together. */
async function makeLayers(folder: string, options: FleetOptions, seed: string): Promise<Sample[]> {
  const samples = [await makeSample(folder, `${seed}-config`, CONFIG_BYTES)];
  for (let layer = 0; layer < options.layers; layer += 1) {
    const from = Math.floor((options.sizeBytes * layer) / options.layers);
    const to = Math.floor((options.sizeBytes * (layer + 1)) / options.layers);
    samples.push(await makeSample(folder, `${seed}-layer-${layer}`, to - from));
  }
  return samples;
}

async function pullEverywhere(
  side: DistributionSide,
  hosts: OpenHosts,
  options: FleetOptions,
  signal: AbortSignal,
): Promise<SideResult> {
  const all = [...hosts.pullers, hosts.source, hosts.control, ...(hosts.pusher === undefined ? [] : [hosts.pusher])];
  await using traffic = await LinkTraffic.start(hosts.switchAgent, all.length, signal);
  const pids = (await Promise.all(all.map(({ network }) => network.processIds()))).flat();
  const [cpuBefore, idleShare] = await Promise.all([totalCpu(pids), watchIdleShare()]);
  const startMs = monotonicMs() + START_IN_MS;
  const stuckMs = START_IN_MS + Math.max(STUCK_LEAST_MS, STUCK_FACTOR * longestMs(options));
  const limited = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(stuckMs))]);
  setMaxListeners(0, limited); // each host's call has one
  const killing = killHalfWay(side, hosts, options, limited);
  const pulls = await pullAll(side, hosts, { tag: MEASURED_TAG, atMs: startMs }, limited);
  signal.throwIfAborted();
  await killing;
  const counted = await traffic.stop(signal);
  const spent = { cpuSeconds: (await totalCpu(pids)) - cpuBefore, idleShare: await idleShare() };
  const none = { receivedBytes: 0, sentBytes: 0 };
  const results = pulls.map((pull, index): HostResult => {
    const result = { host: index, kind: kindOf(index, options), ...(counted[index] ?? none) };
    if (pull instanceof Error) return { ...result, error: pull.message };
    const firstByteMs = Math.min(...pull.blobs.slice(1).map((blob) => blob.firstByteMs));
    return { ...result, seconds: (pull.doneMs - startMs) / 1000, firstByteSeconds: (firstByteMs - startMs) / 1000 };
  });
  const [source = none, control = none, pusher] = counted.slice(options.hosts);
  return {
    hosts: results,
    source,
    control,
    ...(pusher === undefined ? {} : { pusher }),
    samples: traffic.samples,
    startMs,
    ...spent,
  };
}

/** What the whole thing would take if one host sent everything, and the slowest got it. */
function longestMs(options: FleetOptions): number {
  const central = (options.hosts * options.sizeBytes) / options.bytesPerSecond;
  const slowest = options.sizeBytes / rateOf(0, options);
  return Math.max(central, slowest) * 1000;
}

async function killHalfWay(
  side: DistributionSide,
  hosts: OpenHosts,
  options: FleetOptions,
  signal: AbortSignal,
): Promise<void> {
  if (options.killedHosts === 0) return;
  await pause(START_IN_MS + (boundSeconds(options) * 1000) / 2, undefined, { signal });
  for (const [index, host] of hosts.pullers.entries()) {
    if (kindOf(index, options) !== 'killed') continue;
    side.kill(index);
    host.agent.kill();
  }
}
