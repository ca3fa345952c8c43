// Tables, bars and cut lists for a terminal. Pure.

import { showCount } from './human-units.ts';

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

/** As long as a share can still be read off. */
const BAR_CHARS = 20;

/** A line of titles and one for each row. Columns in which no row has anything are left out. */
export function table(allColumns: readonly Column[], allRows: readonly (readonly string[])[]): string[] {
  const isUsed = (index: number): boolean => allRows.length === 0 || allRows.some((row) => row[index] !== '');
  const columns = allColumns.filter((_, index) => isUsed(index));
  const rows = allRows.map((row) => row.filter((_, index) => isUsed(index)));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align }, index) => {
        const cell = cells[index] ?? '';
        const width = widths[index] ?? 0;
        return align === 'left' ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ');
  return [line(columns.map(({ title }) => title)), ...rows.map(line)];
}

/** `[#####...............]`, full at 1. */
export function bar(share: number, chars: number = BAR_CHARS): string {
  const full = Math.floor(Math.min(1, Math.max(0, share)) * chars);
  return `[${'#'.repeat(full)}${'.'.repeat(chars - full)}]`;
}

/** At most `room` lines; the last one says how many are not shown. */
export function cut(lines: readonly string[], room: number | undefined, what: string): readonly string[] {
  if (room === undefined || lines.length <= room) return lines;
  const shown = Math.max(1, room - 1);
  return [...lines.slice(0, shown), `… and ${showCount(lines.length - shown, what)} more`];
}

/** Text of other hosts without what could command a terminal. */
export function plain(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?');
}
