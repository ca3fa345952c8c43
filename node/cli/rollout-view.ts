// How far an image is over the fleet, as text. Pure.

import type { HostRow, RolloutStatus } from '../../shared/protocol/rollout.ts';
import { showBytes, showCount, showTime } from './human-units.ts';
import { bar, cut, plain, table, type Column } from './text-table.ts';

const HOST_COLUMNS: readonly Column[] = [
  { title: 'HOST', align: 'left' },
  { title: 'STATE', align: 'left' },
  { title: 'DONE', align: 'right' },
  { title: '', align: 'left' },
  { title: 'OF', align: 'right' },
  { title: 'PEERS', align: 'right' },
  { title: 'TIME', align: 'right' },
];
const DIGEST_CHARS = 'sha256:'.length + 12;
const WIDE_BAR_CHARS = 40;

/** @property rate what came to all hosts together since the look before. */
interface Shown {
  readonly status: RolloutStatus;
  readonly bytesPerSecond?: number | undefined;
}

/** Hosts that are to have it: all but the idle ones. */
export function hostCount({ hosts }: RolloutStatus): number {
  return hosts.asked + hosts.pulling + hosts.done + hosts.stopped;
}

/** Lines of at most `columns` characters, each ended; with `rows`, as many as fit. */
export function renderRollout(shown: Shown, size: { readonly columns: number; readonly rows?: number }): string {
  const { status } = shown;
  const lines = [...headOf(status), ...totalsOf(shown)];
  const rows = status.slowest.map(hostCells);
  if (rows.length > 0) {
    const more = hostCount(status) - rows.length;
    const hosts = table(HOST_COLUMNS, rows);
    const spread = more > 0 && openCount(status) > 0 ? ['', ...spreadOf(status)] : [];
    const room = size.rows === undefined ? undefined : size.rows - lines.length - spread.length - 1;
    const isCut = room !== undefined && hosts.length + (more > 0 ? 1 : 0) > room;
    const shownHosts = isCut ? cutTable(hosts, Math.max(2, room), more) : withRest(hosts, more);
    lines.push('', ...shownHosts, ...spread);
  }
  return lines.map((line) => `${line.slice(0, size.columns).trimEnd()}\n`).join('');
}

/** One line, for logs and pipes. */
export function rolloutLine({ status, bytesPerSecond }: Shown): string {
  const rate = bytesPerSecond === undefined ? '' : `, ${showBytes(bytesPerSecond)}/s together`;
  return `${percentOf(status)} ${countsOf(status)}${rate}\n`;
}

/** How it ended, for the person who waited. */
export function rolloutEnd(status: RolloutStatus): string {
  const { hosts, doneTimes } = status;
  const total = hostCount(status);
  if (total === 0) return 'no host has asked for it yet\n';
  const who =
    hosts.done === total && total > 1 ? `all ${total} hosts that asked for it or held it have it` : countsOf(status);
  return `${who}${doneTimes === undefined ? '' : `; ${timesText(doneTimes)}`}\n`;
}

function headOf(status: RolloutStatus): string[] {
  const { repository, tag, digest, images } = status;
  const name = tag === undefined ? repository : `${repository}:${tag}`;
  const [only] = images;
  const content =
    images.length === 1 && only !== undefined
      ? `  ${showBytes(only.sizeBytes)} in ${showCount(only.blobCount, 'blob')}`
      : '';
  const lines = [`${plain(name)}  ${digest.slice(0, DIGEST_CHARS)}${content}`];
  if (images.length < 2) return lines;
  for (const image of images) {
    const what = plain(image.platform ?? image.digest.slice(0, DIGEST_CHARS));
    lines.push(`  ${what}: ${showCount(image.hosts, 'host')}, ${showBytes(image.sizeBytes)} each`);
  }
  return lines;
}

function totalsOf({ status, bytesPerSecond }: Shown): string[] {
  if (hostCount(status) === 0) return ['no host has asked for it yet'];
  const { runningMs, doneTimes, hosts } = status;
  const isOver = openCount(status) === 0;
  const time = runningMs === undefined || isOver ? '' : `   ${showTime(runningMs)} since the first asked`;
  const rate = bytesPerSecond === undefined || isOver ? '' : `   ${showBytes(bytesPerSecond)}/s together`;
  const share = bar(shareOf(status), WIDE_BAR_CHARS);
  const lines = [countsOf(status), `${share} ${percentOf(status)}${rate}${time}`];
  if (runningMs === undefined) lines.push('no host has asked for it yet');
  if (doneTimes !== undefined) lines.push(`of the hosts that have it, ${timesText(doneTimes)}`);
  if (hosts.idle > 0)
    lines.push(`${showCount(hosts.idle, 'more host')} looked at it or hold some of it, and pull nothing`);
  return lines;
}

function countsOf(status: RolloutStatus): string {
  const { pulling, asked, stopped, done } = status.hosts;
  const parts = [`${done} of ${showCount(hostCount(status), 'host')} ${done === 1 ? 'has' : 'have'} it`];
  if (pulling > 0) parts.push(`${pulling} pulling`);
  if (asked > 0) parts.push(`${asked} asked`);
  if (stopped > 0) parts.push(`${stopped} stopped`);
  return parts.join(', ');
}

function timesText({ hosts, p50Ms, p99Ms, maxMs }: NonNullable<RolloutStatus['doneTimes']>): string {
  if (hosts === 1) return `the one that fetched it took ${showTime(maxMs)}`;
  return `half took at most ${showTime(p50Ms)}, 99% ${showTime(p99Ms)}, the slowest ${showTime(maxMs)}`;
}

function hostCells(host: HostRow): string[] {
  const { nodeId, state, isConnected, sizeBytes, peers, tookMs } = host;
  const share = shareOf(host);
  const isKnown = sizeBytes > 0 || state === 'done';
  return [
    plain(nodeId),
    isConnected ? state : `${state}, away`,
    isKnown ? `${Math.floor(share * 100)}%` : '',
    isKnown ? bar(share) : '',
    isKnown ? showBytes(sizeBytes) : '',
    peers === undefined ? '' : String(peers),
    tookMs === undefined ? '' : showTime(tookMs),
  ];
}

/** Hosts that are not done, by how much they have; so that a thousand of them fit. */
function spreadOf(status: RolloutStatus): string[] {
  const most = Math.max(1, ...status.progress);
  const step = 100 / status.progress.length;
  const rows = status.progress.map((count, index) => [
    `${index * step}-${(index + 1) * step}%`,
    bar(count / most),
    String(count),
  ]);
  return table(
    [
      { title: 'HAVE', align: 'right' },
      { title: '', align: 'left' },
      { title: 'HOSTS', align: 'right' },
    ],
    rows,
  );
}

function withRest(lines: readonly string[], more: number): readonly string[] {
  return more > 0 ? [...lines, `… and ${showCount(more, 'host')} more`] : lines;
}

/** The last line counts the hosts that are left out here and those that were not told of. */
function cutTable(lines: readonly string[], room: number, more: number): readonly string[] {
  const shown = cut(lines, room, 'host');
  const left = lines.length - (shown.length - 1) + more;
  return [...shown.slice(0, -1), `… and ${showCount(left, 'host')} more`];
}

function openCount({ hosts }: RolloutStatus): number {
  return hosts.asked + hosts.pulling + hosts.stopped;
}

function percentOf(status: RolloutStatus): string {
  return `${Math.floor(shareOf(status) * 100)}%`;
}

function shareOf({ doneBytes, sizeBytes }: { readonly doneBytes: number; readonly sizeBytes: number }): number {
  return sizeBytes === 0 ? 0 : Math.min(1, doneBytes / sizeBytes);
}
