// How a simulated fleet completed over time: as SVG, and as a line of blocks for the terminal. Pure.

import { linePlotSvg } from '../benchmarks/line-plot.ts';

/** Share of all bytes that were verified, at a time of the run. */
export interface BytesAt {
  readonly virtualMs: number;
  readonly share: number;
}

interface Completion {
  /** Of the hosts that were to finish; Infinity for those that did not. */
  readonly finishedMs: readonly number[];
  readonly bytes: readonly BytesAt[];
  readonly boundMs: number;
}

const BLOCKS = '▁▂▃▄▅▆▇█';
const SPARK_WIDTH = 60;

export function completionSvg(title: string, { finishedMs, bytes, boundMs }: Completion): string {
  const times = finishedMs.filter((ms) => Number.isFinite(ms)).sort((left, right) => left - right);
  const hosts = times.map((ms, at) => [ms / 1000, (at + 1) / finishedMs.length] as const);
  return linePlotSvg({
    title,
    xName: 'seconds',
    yName: 'done',
    lines: [
      {
        name: 'bytes at all hosts',
        color: '#2a78b8',
        style: 'line',
        points: [[0, 0], ...bytes.map(({ virtualMs, share }) => [virtualMs / 1000, share] as const)],
      },
      { name: 'hosts that have all', color: '#c2571a', style: 'steps', points: [[0, 0], ...hosts] },
    ],
    marks: [{ x: boundMs / 1000, name: 'fluid bound' }],
  });
}

/** Bytes above, hosts below, from the start to the end of the slowest. */
export function sparklines({ finishedMs, bytes }: Completion): string {
  const times = finishedMs.filter((ms) => Number.isFinite(ms));
  const endMs = Math.max(...times, bytes.at(-1)?.virtualMs ?? 0, 1);
  const columns = Array.from({ length: SPARK_WIDTH }, (_, column) => ((column + 1) / SPARK_WIDTH) * endMs);
  const byHosts = columns.map((atMs) => times.filter((ms) => ms <= atMs).length / finishedMs.length);
  const byBytes = columns.map((atMs) => bytes.findLast(({ virtualMs }) => virtualMs <= atMs)?.share ?? 0);
  return [
    `bytes  ${byBytes.map(block).join('')}`,
    `hosts  ${byHosts.map(block).join('')}  ${(endMs / 1000).toFixed(2)} s`,
  ].join('\n');
}

function block(share: number): string {
  return BLOCKS[Math.min(BLOCKS.length - 1, Math.floor(share * BLOCKS.length))] ?? ' ';
}
