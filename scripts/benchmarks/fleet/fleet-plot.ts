// The picture of a fleet run: how many hosts have the image, and how much of it has come, over time.

import { linePlotSvg, type PlotLine } from '../line-plot.ts';
import type { FleetReport, FleetRun, MeasuredSide } from './fleet-report.ts';

const COLORS = { shoal: '#0b6e99', 'docker-registry': '#c4501b' } as const;

/** The last run, both sides. */
export function fleetPlot({ options, boundSeconds, runs }: FleetReport): string {
  const run: FleetRun | undefined = runs.at(-1);
  const lines: PlotLine[] = [];
  if (run !== undefined) lines.push(...sideLines('shoal', run.shoal, options.sizeBytes));
  if (run?.reference !== undefined) lines.push(...sideLines('docker-registry', run.reference, options.sizeBytes));
  const mbit = (options.bytesPerSecond * 8) / 1e6;
  return linePlotSvg({
    title: `${options.hosts} hosts pull ${options.sizeBytes / 1024 ** 2} MiB at once, links of ${mbit} Mbit/s`,
    xName: 'seconds since all started',
    yName: 'of hosts, of bytes',
    lines,
    marks: [{ x: boundSeconds, name: 'bound' }],
  });
}

function sideLines(name: keyof typeof COLORS, { result }: MeasuredSide, sizeBytes: number): PlotLine[] {
  const pullers = result.hosts.length;
  const done = result.hosts.flatMap((host) => host.seconds ?? []).sort((left, right) => left - right);
  const complete: Array<readonly [number, number]> = [[0, 0]];
  for (const [index, seconds] of done.entries()) complete.push([seconds, (index + 1) / pullers]);
  const end = done.at(-1) ?? 0;
  const received: Array<readonly [number, number]> = [[0, 0]];
  for (const { atMs, hosts } of result.samples) {
    const seconds = (atMs - result.startMs) / 1000;
    if (seconds <= 0 || seconds > end) continue;
    let bytes = 0;
    for (const host of hosts.slice(0, pullers)) bytes += Math.min(sizeBytes, host.receivedBytes);
    received.push([seconds, bytes / (pullers * sizeBytes)]);
  }
  const color = COLORS[name];
  return [
    { name: `${name}: hosts that have all`, color, points: complete, style: 'steps' },
    { name: 'bytes received', color, points: received, style: 'faint' },
  ];
}
