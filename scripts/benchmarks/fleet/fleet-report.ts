// The fleet bench for people (table) and programs (one JSON object).

import { alignedTable } from '../report.ts';
import type { FleetOptions } from './fleet-options.ts';
import type { SideResult, SideSummary } from './fleet-result.ts';

/** All that was measured. */
export interface FleetReport {
  readonly options: FleetOptions;
  readonly boundSeconds: number;
  readonly runs: readonly FleetRun[];
}

/** One run, with the load of the machine when it began. */
export interface FleetRun {
  readonly load: number;
  readonly shoal: MeasuredSide;
  readonly reference?: MeasuredSide;
}

/** What came of one side. */
export interface MeasuredSide {
  readonly summary: SideSummary;
  readonly result: SideResult;
}

/** A column for each side and run, a line for each figure. */
export function fleetTable({ options, boundSeconds, runs }: FleetReport): string {
  const columns: Array<{ readonly name: string; readonly load: number; readonly summary: SideSummary }> = [];
  for (const [index, { load, shoal, reference }] of runs.entries()) {
    const suffix = runs.length > 1 ? ` ${index + 1}` : '';
    columns.push({ name: `shoal${suffix}`, load, summary: shoal.summary });
    if (reference !== undefined) {
      columns.push({ name: `docker-registry${suffix}`, load, summary: reference.summary });
    }
  }
  const { sizeBytes } = options;
  const line = (what: string, show: (summary: SideSummary) => string): string[] => [
    what,
    ...columns.map((column) => show(column.summary)),
  ];
  const lines = [
    ['', ...columns.map((column) => column.name)],
    line('slowest host, s', (side) => side.slowestSeconds.toFixed(1)),
    line('slowest / bound', (side) => side.ratio.toFixed(3)),
    line('p50, s', (side) => side.p50Seconds.toFixed(1)),
    line('fastest, s', (side) => side.fastestSeconds.toFixed(1)),
    line('first byte of a layer, p50, s', (side) => side.firstByteP50Seconds.toFixed(2)),
    line('copies sent by the source', (side) => side.originCopies.toFixed(2)),
    ...(options.isFromNode ? [line('copies sent by the node pushed to', (side) => copiesText(side.pusherCopies))] : []),
    line('sent by all hosts, copies', (side) => (side.sentBytes / sizeBytes).toFixed(2)),
    line('with the coordinator, KiB', (side) => Math.round(side.controlBytes / 1024).toString()),
    ...(options.slowHosts > 0
      ? [line('slow hosts, s', (side) => side.slowHostSeconds.map((seconds) => seconds.toFixed(0)).join(' '))]
      : []),
    line('CPU of all hosts, s', (side) => side.cpuSeconds.toFixed(1)),
    line('cores idle meanwhile', (side) => `${Math.round(side.idleShare * 100)} %`),
    ['load of the machine before', ...columns.map((column) => column.load.toFixed(2))],
  ];
  return `${headline(options, boundSeconds)}\n\n${alignedTable(lines)}\n${failureText(columns)}`;
}

/** One object; `shoal` and `reference` are lists of runs. */
export function fleetJson({ options, boundSeconds, runs }: FleetReport): object {
  const sideJson = ({ summary, result }: MeasuredSide): object => ({
    ...summary,
    hosts: result.hosts,
    source: result.source,
    control: result.control,
    pusher: result.pusher,
  });
  return {
    ...options,
    boundSeconds,
    load: runs.map((run) => run.load),
    shoal: runs.map((run) => sideJson(run.shoal)),
    reference: runs.flatMap((run) => (run.reference === undefined ? [] : [sideJson(run.reference)])),
  };
}

function headline(options: FleetOptions, boundSeconds: number): string {
  const mbit = (options.bytesPerSecond * 8) / 1e6;
  const image = `${options.sizeBytes / 1024 ** 2} MiB in ${options.layers} layer(s)`;
  const where = options.isFromNode ? ', pushed to a node that is no origin' : '';
  const troubles = [
    ...(options.slowHosts > 0 ? [`${options.slowHosts} at a tenth of the rate`] : []),
    ...(options.killedHosts > 0 ? [`${options.killedHosts} killed half way`] : []),
  ];
  const of = troubles.length > 0 ? ` (${troubles.join(', ')}; times are of the others)` : '';
  return `${options.hosts} hosts${of} pull ${image}${where}, links of ${mbit} Mbit/s; fluid bound ${boundSeconds.toFixed(1)} s`;
}

function copiesText(copies: number | undefined): string {
  return copies === undefined ? '-' : copies.toFixed(2);
}

function failureText(columns: ReadonlyArray<{ readonly name: string; readonly summary: SideSummary }>): string {
  return columns
    .flatMap(({ name, summary }) => summary.failures.map((failure) => `FAILED ${name}: ${failure}\n`))
    .join('');
}
