// Reports of pulls as text for a terminal. Pure.

import type { BlobPull, PeerShare, PullDetail, PullList, PullSummary } from '../../shared/protocol/pull-report.ts';
import { showBytes, showCount, showDuration, showTime } from './human-units.ts';
import { bar, plain, table, type Column } from './text-table.ts';

const LIST_COLUMNS: readonly Column[] = [
  { title: 'ID', align: 'right' },
  { title: 'WHEN', align: 'left' },
  { title: 'WHAT', align: 'left' },
  { title: 'FETCHED', align: 'right' },
  { title: 'TIME', align: 'right' },
  { title: 'RATE', align: 'right' },
  { title: 'WHY', align: 'left' },
];
const PEER_COLUMNS: readonly Column[] = [
  { title: 'FROM', align: 'left' },
  { title: 'ROLE', align: 'left' },
  { title: 'ZONE', align: 'left' },
  { title: 'OVER', align: 'left' },
  { title: 'GAVE', align: 'right' },
  { title: '', align: 'right' },
  { title: '', align: 'left' },
  { title: 'WASTE', align: 'right' },
  { title: 'WAITED', align: 'right' },
  { title: 'STALLS', align: 'right' },
  { title: 'REFUSED', align: 'right' },
  { title: 'WRONG', align: 'right' },
];
const BLOB_COLUMNS: readonly Column[] = [
  { title: 'BLOB', align: 'left' },
  { title: 'SIZE', align: 'right' },
  { title: 'TIME', align: 'right' },
  { title: 'RATE', align: 'right' },
  { title: 'FIRST BYTE', align: 'right' },
  { title: 'PLACE', align: 'right' },
  { title: 'LOCATE', align: 'right' },
  { title: 'CONNECT', align: 'right' },
  { title: 'SILENCE', align: 'right' },
  { title: 'CHECK', align: 'right' },
  { title: 'RETRIES', align: 'right' },
  { title: 'WHY', align: 'left' },
];
const DIGEST_CHARS = 'sha256:'.length + 12;
/** Shorter waits say nothing. */
const MIN_SHOWN_MS = 50;
/** A reason needs so many characters to be one; with fewer left it gets a line of its own. */
const MIN_WHY_CHARS = 40;

/** The list of `shoal pulls`; no line is longer than `columns`. */
export function renderPulls(list: PullList, columns: number): string {
  if (list.pulls.length === 0) {
    return 'no pulls yet: nothing was fetched from other hosts lately\n';
  }
  const rows = list.pulls.map((pull) => listCells(pull, list.nowMs));
  const lines = table(LIST_COLUMNS, rows);
  const whyAt = lines[0]?.lastIndexOf('WHY') ?? 0;
  if (columns - whyAt >= MIN_WHY_CHARS) return ended(lines, columns);
  const folded = lines.slice(1).flatMap((line) => [line.slice(0, whyAt), `    ${line.slice(whyAt)}`]);
  return ended([lines[0]?.slice(0, whyAt) ?? '', ...folded], columns);
}

/** The page of `shoal pulls ID`. */
export function renderPull(pull: PullDetail, columns: number): string {
  const lines = [...headOf(pull), ''];
  if (pull.peers.length > 0) {
    const fetchedBytes = Math.max(1, pull.fetchedBytes);
    lines.push(
      ...table(
        PEER_COLUMNS,
        pull.peers.map((peer) => peerCells(peer, fetchedBytes)),
      ),
      '',
    );
  }
  lines.push(...table(BLOB_COLUMNS, pull.blobs.map(blobCells)));
  return ended(lines, columns);
}

function headOf(pull: PullDetail): string[] {
  const { image, state, tookMs, fetchedBytes, hereBytes, wastedBytes, bound, verdict } = pull;
  const what = image === undefined ? '' : ` (${image.digest.slice(0, DIGEST_CHARS)})`;
  const who = pull.cause === 'client' ? 'a client of this host' : 'an order of the coordinator';
  const done = { running: 'running for', done: 'done in', failed: 'failed after' }[state];
  const here = hereBytes === 0 ? '' : `, ${showBytes(hereBytes)} were here already`;
  const waste = wastedBytes === 0 ? '' : `; ${showBytes(wastedBytes)} more came twice or too late`;
  const lines = [
    `${nameOf(pull)}${what}, for ${who}, ${agoOf(pull, pull.nowMs)}`,
    `${done} ${showTime(tookMs)}: ${showBytes(fetchedBytes)}${rateText(pull)}${here}${waste}`,
  ];
  if (bound !== undefined) {
    const percent = Math.round(bound.fraction * 100);
    lines.push(`${percent}% of what the link of this host carries, ${showBytes(bound.bytesPerSecond)}/s`);
  }
  if (image !== undefined && pull.blobCount < image.blobCount) {
    const missing = image.blobCount - pull.blobCount;
    lines.push(`of the image's ${showCount(image.blobCount, 'blob')} ${missing} were here or not asked for`);
  }
  lines.push(`why: ${plain(verdict.text)}`);
  return lines;
}

function listCells(pull: PullSummary, nowMs: number): string[] {
  const { id, tookMs, fetchedBytes, verdict } = pull;
  const progress = pull.state === 'running' ? ` of ${showBytes(pull.sizeBytes)}` : '';
  return [
    String(id),
    pull.state === 'running' ? 'now' : agoOf(pull, nowMs),
    `${nameOf(pull)}${pull.cause === 'order' ? ' (ordered)' : ''}`,
    `${showBytes(fetchedBytes)}${progress}`,
    showTime(tookMs),
    pull.bytesPerSecond === undefined ? '' : `${showBytes(pull.bytesPerSecond)}/s`,
    plain(verdict.text),
  ];
}

/** As a person would type it. */
function nameOf(pull: PullSummary): string {
  const { image } = pull;
  if (image !== undefined) {
    return image.tag === undefined
      ? `${image.repository}@${image.digest.slice(0, DIGEST_CHARS)}`
      : `${image.repository}:${image.tag}`;
  }
  return pull.blob === undefined ? 'a blob' : pull.blob.slice(0, DIGEST_CHARS);
}

function agoOf(pull: PullSummary, nowMs: number): string {
  if (pull.endedAtMs === undefined) return 'running';
  return `${showDuration(nowMs - pull.endedAtMs)} ago`;
}

function rateText({ bytesPerSecond }: PullSummary): string {
  return bytesPerSecond === undefined ? '' : ` at ${showBytes(bytesPerSecond)}/s`;
}

function peerCells(peer: PeerShare, fetchedBytes: number): string[] {
  const share = peer.usefulBytes / fetchedBytes;
  const count = (value: number): string => (value === 0 ? '' : String(value));
  const waste = peer.receivedBytes - peer.usefulBytes;
  return [
    plain(peer.nodeId ?? 'others'),
    roleOf(peer),
    plain(peer.zone ?? ''),
    plain(peer.transport ?? ''),
    showBytes(peer.usefulBytes),
    `${Math.round(share * 100)}%`,
    bar(share),
    waste === 0 ? '' : showBytes(waste),
    shownTime(peer.waitedMs),
    count(peer.stalls),
    count(peer.refusals),
    count(peer.wrongPieces),
  ];
}

function roleOf({ isOrigin }: PeerShare): string {
  if (isOrigin === undefined) return '';
  return isOrigin ? 'origin' : 'node';
}

function blobCells(blob: BlobPull): string[] {
  return [
    blob.digest.slice(0, DIGEST_CHARS),
    showBytes(blob.sizeBytes),
    showTime(blob.tookMs),
    blob.bytesPerSecond === undefined ? '' : `${showBytes(blob.bytesPerSecond)}/s`,
    blob.firstByteMs === undefined ? '' : showTime(blob.firstByteMs),
    shownTime(blob.placeMs),
    shownTime(blob.locateMs),
    shownTime(blob.connectMs ?? 0),
    shownTime(blob.silentMs),
    shownTime(blob.checkMs),
    blob.retries === 0 ? '' : String(blob.retries),
    plain(blob.verdict.text),
  ];
}

function shownTime(ms: number): string {
  return ms < MIN_SHOWN_MS ? '' : showTime(ms);
}

function ended(lines: readonly string[], columns: number): string {
  return lines.map((line) => `${line.slice(0, columns).trimEnd()}\n`).join('');
}
