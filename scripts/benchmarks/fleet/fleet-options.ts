// What to measure in a fleet of namespaces, read from the command line.

import { UsageError, wholeNumber } from '../flag-values.ts';

/** Hosts at most: a node takes about 100 MB of memory, and the network of the bench has addresses for so many. */
const MAX_HOSTS = 64;
/** The largest rate and image: what two cores can move among all hosts, and hold on their disk, in some minutes. */
const MAX_RATE_MBIT = 10_000;
const MAX_SIZE_MIB = 16 * 1024;
const MAX_LAYERS = 32;
const MAX_RUNS = 100;
const MIB = 1024 * 1024;
const MBIT_BYTES = 1e6 / 8;
/** A slow host has this part of the rate of the others. */
const SLOW_SHARE = 0.1;

/** What is measured. Hosts are numbered from 0: the slow ones first, then those that are killed, then the others. */
export interface FleetOptions {
  /** Hosts that pull; the source and the coordinator have further hosts. */
  readonly hosts: number;
  readonly bytesPerSecond: number;
  readonly sizeBytes: number;
  readonly layers: number;
  readonly runs: number;
  readonly slowHosts: number;
  readonly killedHosts: number;
  /** Pushed on a node that is no origin, so that two hosts have the image when the others start. */
  readonly isFromNode: boolean;
  /** Image that is pulled first and not measured; 0 for none. */
  readonly warmUpBytes: number;
  /** Whether docker-registry is measured beside it. */
  readonly isBeside: boolean;
}

/** Flags of `scripts/bench fleet` for `parseArgs`. */
export const FLEET_FLAGS = {
  hosts: { type: 'string', default: '16' },
  'rate-mbit': { type: 'string', default: '50' },
  'size-mib': { type: 'string', default: '100' },
  layers: { type: 'string', default: '2' },
  runs: { type: 'string', default: '1' },
  'warm-up-mib': { type: 'string', default: '100' },
  slow: { type: 'string', default: '0' },
  kill: { type: 'string', default: '0' },
  'from-node': { type: 'boolean', default: false },
  'shoal-only': { type: 'boolean', default: false },
} as const;

type FleetFlags = {
  readonly [F in keyof typeof FLEET_FLAGS]: (typeof FLEET_FLAGS)[F]['type'] extends 'string' ? string : boolean;
};

/** @throws {UsageError} naming the flag and what it takes. */
export function fleetOptions(flags: FleetFlags): FleetOptions {
  const hosts = wholeNumber('--hosts', flags.hosts, { from: 1, to: MAX_HOSTS });
  const slowHosts = wholeNumber('--slow', flags.slow, { from: 0, to: hosts - 1 });
  const killedHosts = wholeNumber('--kill', flags.kill, { from: 0, to: hosts - 1 });
  if (slowHosts + killedHosts >= hosts) {
    throw new UsageError(`--slow and --kill leave none of ${hosts} hosts whole, and those are what is measured`);
  }
  return {
    hosts,
    slowHosts,
    killedHosts,
    bytesPerSecond: wholeNumber('--rate-mbit', flags['rate-mbit'], { from: 1, to: MAX_RATE_MBIT }) * MBIT_BYTES,
    sizeBytes: wholeNumber('--size-mib', flags['size-mib'], { from: 1, to: MAX_SIZE_MIB }) * MIB,
    layers: wholeNumber('--layers', flags.layers, { from: 1, to: MAX_LAYERS }),
    runs: wholeNumber('--runs', flags.runs, { from: 1, to: MAX_RUNS }),
    warmUpBytes: wholeNumber('--warm-up-mib', flags['warm-up-mib'], { from: 0, to: MAX_SIZE_MIB }) * MIB,
    isFromNode: flags['from-node'],
    isBeside: !flags['shoal-only'],
  };
}

/** What a host is to the measurement. */
export type HostKind = 'slow' | 'killed' | 'healthy';

export function kindOf(hostIndex: number, options: Pick<FleetOptions, 'slowHosts' | 'killedHosts'>): HostKind {
  if (hostIndex < options.slowHosts) return 'slow';
  return hostIndex < options.slowHosts + options.killedHosts ? 'killed' : 'healthy';
}

/** What the link of a host carries in each direction. */
export function rateOf(hostIndex: number, options: FleetOptions): number {
  return kindOf(hostIndex, options) === 'slow' ? options.bytesPerSecond * SLOW_SHARE : options.bytesPerSecond;
}
