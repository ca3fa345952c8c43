// The command line of scripts/simulate, as the scenario that it stands for.

import { UsageError, wholeNumber } from '../benchmarks/flag-values.ts';
import { seededRandom, shuffled } from './core/seeded-random.ts';
import type { Death, FleetScenario } from './fleet-scenario.ts';
import { fluidBoundMs } from './fluid-bound.ts';
import { parsePart, parseRate, parseShare, parseSize, parseTime } from './quantities.ts';

/** A fleet beyond this needs more memory than a machine for trying things out has. */
const MAX_HOSTS = 50_000;
/** More than a manifest of any image that was seen. */
const MAX_LAYERS = 128;
const MAX_ZONES = 16;
const MAX_SEED = 2 ** 31 - 1;

export const SIMULATE_FLAGS = {
  hosts: { type: 'string', default: '1000' },
  size: { type: 'string', default: '1GB' },
  layers: { type: 'string', default: '1' },
  rate: { type: 'string', default: '1Gbit/s' },
  uplink: { type: 'string' },
  origins: { type: 'string', default: '1' },
  'origin-uplink': { type: 'string' },
  latency: { type: 'string', default: '0.5ms' },
  verify: { type: 'string', default: '0.6ms' },
  'piece-size': { type: 'string' },
  'slow-hosts': { type: 'string', default: '0' },
  'slow-rate': { type: 'string', default: '10%' },
  'slow-declared': { type: 'boolean', default: false },
  kill: { type: 'string', default: '0' },
  'kill-at': { type: 'string', default: '50%' },
  'kill-noticed': { type: 'string', default: '1s' },
  stagger: { type: 'string', default: '0' },
  zones: { type: 'string', default: '1' },
  'zone-link': { type: 'string' },
  'zone-latency': { type: 'string' },
  read: { type: 'boolean', default: false },
  seed: { type: 'string', default: '1' },
} as const;

export const SIMULATE_USAGE = `usage: scripts/simulate [options]

Simulates a fleet that pulls one image at once: the scheduler, piece picker, upload queues, hand-out and neighbour directory of the
product, for thousands of hosts, on a virtual clock. Each host has an uplink and a downlink, each message takes its latency, each
piece is hashed before it is passed on. The same seed gives the same pull. 2600 hosts with 3 GB take a minute or two.

The fleet and what it pulls
  --hosts N             hosts that pull, besides those that have the image (default 1000, at most ${MAX_HOSTS})
  --size SIZE           of the image, for example 3000MB or 1GiB (default 1GB)
  --layers N            blobs of equal size that it has; all are pulled at once over the same connections (default 1)
  --origins N           hosts that have it at the start (default 1)
  --read                a client on every host reads along
  --stagger TIME        hosts start one after the other over this time (default 0: all at once)

Links
  --rate RATE           downlink of every host, for example 300MB/s or 10Gbit/s (default 1Gbit/s)
  --uplink RATE         uplink of every host (default: as --rate)
  --origin-uplink RATE  uplink of each origin (default: as --uplink)
  --latency TIME        one way between any two hosts (default 0.5ms)
  --verify TIME         to hash 1 MiB, one piece at a time per host (default 0.6ms)

What goes wrong
  --slow-hosts N|N%     hosts with a slow link, of which nobody was told (default 0)
  --slow-rate SHARE     what they have of the others' rates (default 10%)
  --slow-declared       they say so, as peers.slowLink does
  --kill N|N%           hosts that die without a word (default 0)
  --kill-at SHARE       when, as a share of the time that the pull must take (default 50%)
  --kill-noticed TIME   how long nobody notices (default 1s)

Zones
  --zones N             hosts stand in so many zones; the origins are in the first (default 1, at most ${MAX_ZONES})
  --zone-link RATE      what passes from each zone to each other, all transfers together (default: as --rate)
  --zone-latency TIME   one way between zones (default: as --latency)

The run
  --seed N              every random choice follows from it (default 1)
  --piece-size SIZE     another than the product would choose
  --plot FILE           where the plot of completion goes (default bench-results/simulate.svg)
  --json                the last line of the output is one JSON object; no table, and no plot unless --plot is given

Times are those of the hosts that have the full rate and live, each from its own start. They are compared with the fluid bound: the
time below which no way of sharing can get, max(S/U, S/d, N*S/(U + N*u)), or one copy over the link into a zone.
In JSON: hosts, boundSeconds, p50Seconds, p99Seconds, maxSeconds, originCopies, controlBytesPerHost, and more.
Exit code 1 means that some host did not get the image.
`;

type Flag = keyof typeof SIMULATE_FLAGS;

/** The values of the flags, as `parseArgs` gives them. */
export type SimulateFlags = {
  readonly [
    Name in Flag as (typeof SIMULATE_FLAGS)[Name] extends { readonly default: unknown } ? Name : never
  ]: (typeof SIMULATE_FLAGS)[Name]['type'] extends 'boolean' ? boolean : string;
} & {
  readonly [
    Name in Flag as (typeof SIMULATE_FLAGS)[Name] extends { readonly default: unknown } ? never : Name
  ]?: string;
};

/** @throws {UsageError} naming the flag that is wrong. */
export function scenarioOf(flags: SimulateFlags): FleetScenario {
  const hosts = wholeNumber('--hosts', flags.hosts, { from: 1, to: MAX_HOSTS });
  const layerCount = wholeNumber('--layers', flags.layers, { from: 1, to: MAX_LAYERS });
  const imageBytes = parseSize('--size', flags.size);
  if (imageBytes < layerCount) throw new UsageError('--size is too small for that many --layers');
  const rate = parseRate('--rate', flags.rate);
  const uplink = flags.uplink === undefined ? rate : parseRate('--uplink', flags.uplink);
  const seed = wholeNumber('--seed', flags.seed, { from: 0, to: MAX_SEED });
  const slowHosts = parsePart('--slow-hosts', flags['slow-hosts'], { total: hosts, most: hosts - 1 });
  const scenario: FleetScenario = {
    hosts,
    layers: layerSizes(imageBytes, layerCount),
    seed,
    rate,
    uplink,
    originUplink: flags['origin-uplink'] === undefined ? uplink : parseRate('--origin-uplink', flags['origin-uplink']),
    holders: wholeNumber('--origins', flags.origins, { from: 1, to: MAX_HOSTS }),
    latencyMs: parseTime('--latency', flags.latency),
    verifyMsPerMib: parseTime('--verify', flags.verify),
    slow: {
      hosts: slowHosts,
      share: parseShare('--slow-rate', flags['slow-rate']),
      areDeclared: flags['slow-declared'],
    },
    isRead: flags.read,
    ...pieceSizeOf(flags),
    ...zonesOf(flags, rate),
  };
  const arrivalsMs = arrivalsOf(scenario, parseTime('--stagger', flags.stagger));
  return { ...scenario, arrivalMs: (puller) => arrivalsMs[puller] ?? 0, deaths: deathsOf(scenario, flags) };
}

/** As equal as whole bytes allow. */
function layerSizes(imageBytes: number, count: number): number[] {
  const each = Math.floor(imageBytes / count);
  return Array.from({ length: count }, (_, layer) =>
    layer === 0 ? Math.round(imageBytes - each * (count - 1)) : each,
  );
}

function pieceSizeOf(flags: SimulateFlags): Pick<FleetScenario, 'pieceBytes'> {
  const text = flags['piece-size'];
  return text === undefined ? {} : { pieceBytes: Math.ceil(parseSize('--piece-size', text)) };
}

function zonesOf(flags: SimulateFlags, rate: number): Pick<FleetScenario, 'zones'> {
  const count = wholeNumber('--zones', flags.zones, { from: 1, to: MAX_ZONES });
  const link = flags['zone-link'];
  const latency = flags['zone-latency'] ?? flags.latency;
  if (count === 1 && (link !== undefined || flags['zone-latency'] !== undefined)) {
    throw new UsageError('--zone-link and --zone-latency need --zones 2 or more');
  }
  if (count === 1) return {};
  const zoneRate = link === undefined ? rate : parseRate('--zone-link', link);
  return { zones: { count, rate: zoneRate, latencyMs: parseTime('--zone-latency', latency) } };
}

/** Equal steps, in random order. */
function arrivalsOf({ hosts, seed }: FleetScenario, overMs: number): number[] {
  const order = shuffled([...Array(hosts).keys()], seededRandom(seed));
  return order.map((turn) => (turn * overMs) / Math.max(1, hosts - 1));
}

/** Random hosts among those with the full rate; the last of all lives. */
function deathsOf(scenario: FleetScenario, flags: SimulateFlags): Death[] {
  const { hosts, holders = 1, slow } = scenario;
  const slowHosts = slow?.hosts ?? 0;
  const count = parsePart('--kill', flags.kill, { total: hosts, most: hosts - slowHosts - 1 });
  const atMs = parseShare('--kill-at', flags['kill-at']) * fluidBoundMs(scenario);
  const noticedMs = parseTime('--kill-noticed', flags['kill-noticed']);
  const candidates = Array.from({ length: hosts - slowHosts }, (_, at) => holders + slowHosts + at);
  const victims = shuffled(candidates, seededRandom(scenario.seed + 1)).slice(0, count);
  return victims.map((host) => ({ host, atMs, noticedMs }));
}
