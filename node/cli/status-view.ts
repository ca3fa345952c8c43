// A fleet's status as text for a terminal. Pure: the same status and size give the same text.

import type { FleetStatus, NodeStatus } from '../../shared/protocol/admin-api.ts';
import { showBytes, showCount, showDuration } from './human-units.ts';
import { wrap } from './wrap-text.ts';
import { bar, cut, plain, table, type Column } from './text-table.ts';

export interface ViewSize {
  readonly columns: number;
  /** Lines on the screen; absent when all may be printed. */
  readonly rows?: number;
}

const NODE_COLUMNS: readonly Column[] = [
  { title: 'NODE', align: 'left' },
  { title: 'ROLE', align: 'left' },
  { title: 'STATE', align: 'left' },
  { title: 'SEEN', align: 'right' },
  { title: 'BLOBS', align: 'right' },
  { title: 'HELD', align: 'right' },
  { title: 'FREE', align: 'right' },
  { title: 'BAD', align: 'right' },
  { title: 'ZONE', align: 'left' },
  { title: 'RACK', align: 'left' },
  { title: 'LINKS', align: 'left' },
  { title: 'ADDRESS', align: 'left' },
  { title: 'VERSION', align: 'left' },
];
const DOWNLOAD_COLUMNS: readonly Column[] = [
  { title: 'DOWNLOAD TO', align: 'left' },
  { title: 'BLOB', align: 'left' },
  { title: 'DONE', align: 'right' },
  { title: '', align: 'left' },
  { title: 'SIZE', align: 'right' },
  { title: 'PEERS', align: 'right' },
];
/** Refused nodes whose reason is shown; mostly all have the same one. */
const MAX_REFUSALS_SHOWN = 3;
/** A narrower terminal cuts lines of text. */
const MIN_TEXT_CHARS = 40;
const DIGEST_CHARS = 'sha256:'.length + 12;
/** Trouble first: what is lost, then what works, then what was removed. */
const STATE_ORDER: Readonly<Record<NodeStatus['state'], number>> = { lost: 0, connected: 1, removed: 2 };

/** Lines of at most `columns` characters, each ended; with `rows`, as many as fit, and a line that says what was left out. */
export function renderStatus(status: FleetStatus, size: ViewSize): string {
  const nodes = [...status.nodes].sort(byTrouble);
  const downloads = nodes.flatMap((node) => node.downloads.map((download) => ({ node, download })));
  const downloadTable = downloads.length === 0 ? [] : table(DOWNLOAD_COLUMNS, downloads.map(downloadCells));
  const head = [...summary(status), ...refusals(status, size.columns)];
  const roomForNodes =
    size.rows === undefined ? undefined : size.rows - head.length - 1 - downloadRoom(downloadTable.length, size.rows);
  const lines = [
    ...head,
    '',
    ...cut(
      table(
        NODE_COLUMNS,
        nodes.map((node) => nodeCells(node, status.nowMs)),
      ),
      roomForNodes,
      'node',
    ),
  ];
  if (downloadTable.length > 0) {
    const room = size.rows === undefined ? undefined : size.rows - lines.length - 1;
    lines.push('', ...cut(downloadTable, room, 'download'));
  }
  return lines.map((line) => `${line.slice(0, size.columns).trimEnd()}\n`).join('');
}

/** Downloads get up to half of the screen. */
function downloadRoom(lineCount: number, rows: number): number {
  return lineCount === 0 ? 0 : Math.min(lineCount + 1, Math.floor(rows / 2));
}

function summary(status: FleetStatus): string[] {
  const members = status.nodes.filter(({ state }) => state !== 'removed');
  const connected = members.filter(({ state }) => state === 'connected').length;
  const origins = members.filter(({ isOrigin, state }) => isOrigin && state === 'connected').length;
  const { blobs } = status;
  const lines = [
    `fleet ${status.fleetId}, coordinator ${plain(status.version)}, up ${showDuration(status.nowMs - status.startedAtMs)}`,
    `${connected} of ${showCount(members.length, 'node')} connected, ${showCount(origins, 'origin')}; ` +
      `${showCount(status.repositories, 'repository', 'repositories')}, ${showCount(status.tags, 'tag')}, ` +
      `${showCount(blobs.count, 'blob')} of ${showBytes(blobs.bytes)}`,
  ];
  if (blobs.underReplicated > 0)
    lines.push(`! ${showCount(blobs.underReplicated, 'blob')} with fewer copies than wanted`);
  for (const { zone, receivedBytes, floorBytes } of status.zones) {
    const name = zone === undefined ? 'hosts without a zone' : `zone ${plain(zone)}`;
    const copies = (receivedBytes / Math.max(1, floorBytes)).toFixed(2);
    lines.push(
      `into ${name} came ${showBytes(receivedBytes)} from others: ${copies} copies of ${showBytes(floorBytes)}`,
    );
  }
  if (origins === 0) lines.push('! no origin is connected: pushes wait, and then fail');
  return lines;
}

/** Nodes that ask for a session in vain, each with the reason, which is what to do about it. */
function refusals({ nodes }: FleetStatus, columns: number): string[] {
  const refused = nodes.flatMap(({ nodeId, refusal }) => (refusal === undefined ? [] : [{ nodeId, refusal }]));
  const lines = refused.slice(0, MAX_REFUSALS_SHOWN).flatMap(({ nodeId, refusal }) => {
    const text = `${plain(nodeId)} asks for a session and is refused: ${plain(refusal)}`;
    return wrap(text, Math.max(MIN_TEXT_CHARS, columns - 2)).map((line, index) => `${index === 0 ? '!' : ' '} ${line}`);
  });
  const left = refused.length - MAX_REFUSALS_SHOWN;
  return left > 0 ? [...lines, `! ${showCount(left, 'more node')} are refused; --json says why`] : lines;
}

function nodeCells(node: NodeStatus, nowMs: number): string[] {
  const { lastSeenMs, freeBytes } = node;
  return [
    plain(node.nodeId),
    node.isOrigin ? 'origin' : 'node',
    node.state,
    lastSeenMs === undefined || node.state === 'connected' ? '' : `${showDuration(nowMs - lastSeenMs)} ago`,
    String(node.blobCount),
    showBytes(node.blobBytes),
    freeBytes === undefined ? '' : showBytes(freeBytes),
    node.badPieces === 0 ? '' : String(node.badPieces),
    plain(node.zone ?? ''),
    plain(node.rack ?? ''),
    linkCells(node),
    plain(node.swarmAddress ?? ''),
    plain(node.version ?? ''),
  ];
}

/** Open connections to peers: `3 tls`, `1 tls, 2 hyperswarm`. A host where hyperswarm is on and does not work says so. */
function linkCells({ links }: NodeStatus): string {
  if (links === undefined) return '';
  const { tls, hyperswarm, hyperswarmState } = links;
  const parts = [tls > 0 ? `${tls} tls` : '', hyperswarm > 0 ? `${hyperswarm} hyperswarm` : ''];
  if (hyperswarmState === 'unavailable') parts.push('no hyperswarm');
  return parts.filter((part) => part !== '').join(', ');
}

function downloadCells({
  node,
  download,
}: {
  readonly node: NodeStatus;
  readonly download: NodeStatus['downloads'][number];
}): string[] {
  const share = download.sizeBytes === 0 ? 1 : Math.min(1, download.doneBytes / download.sizeBytes);
  return [
    plain(node.nodeId),
    download.digest.slice(0, DIGEST_CHARS),
    `${Math.floor(share * 100)}%`,
    bar(share),
    showBytes(download.sizeBytes),
    String(download.peers),
  ];
}

function byTrouble(one: NodeStatus, other: NodeStatus): number {
  const byState = STATE_ORDER[one.state] - STATE_ORDER[other.state];
  if (byState !== 0) return byState;
  return one.nodeId < other.nodeId ? -1 : 1;
}
