// `scripts/simulate`: runs one simulated pull and tells what it came to.

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError } from '../benchmarks/flag-values.ts';
import { alignedTable } from '../benchmarks/report.ts';
import { completionSvg, sparklines, type BytesAt } from './completion-plot.ts';
import type { FleetScenario } from './fleet-scenario.ts';
import { summaryOf, type FleetSummary } from './fleet-summary.ts';
import { fluidBoundMs } from './fluid-bound.ts';
import { SIMULATE_FLAGS, SIMULATE_USAGE, scenarioOf } from './simulate-flags.ts';
import { SimulatedFleet } from './simulated-fleet.ts';

const DEFAULT_PLOT = 'bench-results/simulate.svg';
/** On a terminal the line of progress is written anew so often; elsewhere lines are far apart. */
const TERMINAL_EVERY_MS = 200;
const LOG_EVERY_MS = 10_000;
/** Points of the plot. */
const SAMPLES = 300;

async function main(args: string[]): Promise<number> {
  let scenario: FleetScenario;
  let output: { readonly json: boolean; readonly plot: string | undefined };
  try {
    const { values } = parseArgs({
      args,
      strict: true,
      options: {
        ...SIMULATE_FLAGS,
        plot: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false, short: 'h' },
      },
    });
    const { json, plot, help, ...flags } = values;
    if (help) {
      process.stdout.write(SIMULATE_USAGE);
      return 0;
    }
    output = { json, plot: plot ?? (json ? undefined : DEFAULT_PLOT) };
    scenario = scenarioOf(flags);
  } catch (error) {
    if (!(error instanceof UsageError) && !isParseError(error)) throw error;
    process.stderr.write(`${error.message}\nscripts/simulate --help tells what there is\n`);
    return 2;
  }
  return simulate(scenario, output);
}

async function simulate(
  scenario: FleetScenario,
  output: { readonly json: boolean; readonly plot: string | undefined },
): Promise<number> {
  const beganMs = performance.now();
  const bytes: BytesAt[] = [];
  const progress = progressLine(scenario.hosts);
  const boundMs = fluidBoundMs(scenario);
  const outcome = new SimulatedFleet(scenario).run(({ virtualMs, share }) => {
    if (virtualMs >= (bytes.at(-1)?.virtualMs ?? 0) + boundMs / SAMPLES) bytes.push({ virtualMs, share });
    progress.show(share, virtualMs);
  });
  progress.clear();
  const summary = summaryOf(scenario, outcome);
  const pulled = outcome.finishedMs.slice(scenario.holders ?? 1);
  const dead = new Set((scenario.deaths ?? []).map(({ host }) => host - (scenario.holders ?? 1)));
  const completion = { finishedMs: pulled.filter((_, puller) => !dead.has(puller)), bytes, boundMs };
  const took = { wallSeconds: (performance.now() - beganMs) / 1000, ...costs() };
  if (output.plot !== undefined) {
    await mkdir(dirname(output.plot), { recursive: true });
    await writeFile(output.plot, completionSvg(titleOf(scenario), completion));
    process.stderr.write(`plot: ${output.plot}\n`);
  }
  if (output.json) process.stdout.write(`${JSON.stringify({ ...summary, ...took })}\n`);
  else {
    process.stdout.write(`${titleOf(scenario)}\n\n${table(summary)}\n\n${sparklines(completion)}\n\n`);
    process.stdout.write(
      `${summary.events} events in ${took.wallSeconds.toFixed(1)} s (${took.cpuSeconds.toFixed(1)} s of CPU, ${took.memoryMib} MiB)\n`,
    );
  }
  return summary.missing === 0 ? 0 : 1;
}

function titleOf({ hosts, layers, rate, seed }: FleetScenario): string {
  const megabytes = layers.reduce((sum, size) => sum + size, 0) / 1e6;
  const blobs = layers.length === 1 ? 'one layer' : `${layers.length} layers`;
  return `${hosts} hosts pull ${megabytes} MB in ${blobs} at ${rate / 1e6} MB/s, seed ${seed}`;
}

function table(summary: FleetSummary): string {
  const time = (name: string, seconds: number | null, ratio: number | null): string[] => [
    name,
    seconds === null ? '-' : `${seconds.toFixed(3)} s`,
    ratio === null ? '' : `${ratio.toFixed(3)} of the bound`,
  ];
  const lines = [
    time('fluid bound', summary.boundSeconds, null),
    time('half of the hosts', summary.p50Seconds, summary.p50Ratio),
    time('99 of 100', summary.p99Seconds, summary.p99Ratio),
    time('the slowest', summary.maxSeconds, summary.maxRatio),
    ['sent by the origins', `${summary.originCopies.toFixed(3)} copies`, ''],
    ['control traffic per host', `${(summary.controlBytesPerHost / 1000).toFixed(1)} kB`, ''],
    ['pieces that came for nothing', `${(summary.wasteShare * 100).toFixed(2)} %`, ''],
  ];
  if (summary.slowMaxRatio !== null) {
    lines.push(['slowest of the slow hosts', '', `${summary.slowMaxRatio.toFixed(3)} of one copy over its own link`]);
  }
  for (const [zone, copies] of summary.copiesIntoZones.entries()) {
    if (summary.copiesIntoZones.length > 1)
      lines.push([`came into zone ${zone + 1}`, `${copies.toFixed(3)} copies`, '']);
  }
  if (summary.killed > 0) lines.push(['killed', String(summary.killed), '']);
  if (summary.missing > 0) lines.push(['DID NOT FINISH', String(summary.missing), '']);
  return alignedTable(lines);
}

/** Says on stderr how far it is; on a terminal in one line that is written anew. */
function progressLine(hosts: number): { show(share: number, virtualMs: number): void; clear(): void } {
  const isTerminal = process.stderr.isTTY;
  let saidMs = performance.now();
  return {
    show: (share, virtualMs) => {
      const nowMs = performance.now();
      if (nowMs - saidMs < (isTerminal ? TERMINAL_EVERY_MS : LOG_EVERY_MS)) return;
      saidMs = nowMs;
      const text = `${(share * 100).toFixed(0)} % of the bytes at ${hosts} hosts, ${(virtualMs / 1000).toFixed(2)} s simulated`;
      process.stderr.write(isTerminal ? `\r${text}\u001B[K` : `${text}\n`);
    },
    clear: () => void (isTerminal && process.stderr.write('\r\u001B[K')),
  };
}

/** What the run took of this machine. */
function costs(): { readonly cpuSeconds: number; readonly memoryMib: number } {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  return { cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, memoryMib: Math.round(maxRSS / 1024) };
}

function isParseError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

process.exitCode = await main(process.argv.slice(2));
