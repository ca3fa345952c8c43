// What an import tells people. Pure.

import type { ImportCounts } from '../import/import-report.ts';
import { showBytes, showCount, showTime } from './human-units.ts';

/** Characters of the bar. */
const BAR_CHARS = 24;
/** A repository's name is cut here in the line of progress. */
const MAX_NAME_CHARS = 40;

export interface ImportProgress {
  readonly counts: ImportCounts;
  /** What there is to bring; absent while nobody has counted. */
  readonly total: { readonly manifests: number; readonly bytes: number } | undefined;
  readonly at: string;
  readonly runMs: number;
}

/** One line, without its end. */
export function progressLine({ counts, total, at, runMs }: ImportProgress, columns: number): string {
  const { manifests, bytes } = counts;
  const done = manifests.brought + manifests.present;
  const rate = runMs < 1000 ? '' : `  ${showBytes(Math.round((bytes / runMs) * 1000))}/s`;
  const images =
    total === undefined ? showCount(done, 'image') : `${bar(done, total.manifests)} of ${total.manifests} images`;
  const name = at.length > MAX_NAME_CHARS ? `…${at.slice(1 - MAX_NAME_CHARS)}` : at;
  return `${images}  ${showBytes(bytes)}${rate}  ${name}`.slice(0, columns);
}

function bar(done: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const full = Math.round(share * BAR_CHARS);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_CHARS - full)}] ${done}`;
}

/** What a dry run found. */
export function renderDryRun(counts: ImportCounts, there: { readonly blobs: number; readonly bytes: number }): string {
  const { repositories, manifests, tags } = counts;
  const lines = [
    `${showCount(repositories, 'repository', 'repositories')} with ${showCount(tags.set, 'tag')} and ${showCount(manifests.brought, 'image')} would come over: ${showBytes(there.bytes)} in ${showCount(there.blobs, 'blob')}`,
    ...problemLines(counts),
  ];
  return `${lines.join('\n')}\n`;
}

/** What an import did. */
export function renderImport(counts: ImportCounts, runMs: number): string {
  const { repositories, manifests, tags, blobs, bytes } = counts;
  const lines = [
    `${showCount(repositories, 'repository', 'repositories')}: ${showCount(manifests.brought, 'image')} came over, ${manifests.present} were here; ${showCount(tags.set, 'tag')} set, ${tags.present} were here`,
    `${showBytes(bytes)} in ${showTime(runMs)}: ${blobWays(blobs)}`,
  ];
  if (tags.kept > 0)
    lines.push(`${showCount(tags.kept, 'tag')} left where it points here; --tags move moves it to what was brought`);
  lines.push(...problemLines(counts));
  return `${lines.join('\n')}\n`;
}

function blobWays(blobs: ImportCounts['blobs']): string {
  const words: readonly (readonly [keyof ImportCounts['blobs'], string])[] = [
    ['linked', 'linked'],
    ['cloned', 'shared with the old files by the disk'],
    ['copied', 'copied'],
    ['present', 'on this disk already'],
    ['mounted', 'here already'],
  ];
  const told = words.filter(([way]) => blobs[way] > 0).map(([way, word]) => `${blobs[way]} ${word}`);
  return told.length === 0 ? 'no blob had to come' : `blobs ${told.join(', ')}`;
}

function problemLines({ problems }: ImportCounts): string[] {
  if (problems.count === 0) return [];
  return [
    `${showCount(problems.count, 'problem')}, named above: what they concern was left out, everything else is whole`,
  ];
}
