// Rows of a benchmark: medians of what was measured, side by side, with the bar each must reach.

/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly unit: string;
  readonly shoal: number;
  /** docker-registry in the same run; absent where there is nothing to compare with. */
  readonly reference?: number;
  /** What it must reach: `ratio` compares shoal / reference, `value` compares shoal itself. Absent when it is only told. */
  readonly bar?: { readonly of: 'ratio' | 'value'; readonly atLeast?: number; readonly atMost?: number };
}

/** The middle value; the mean of the two middle ones when there is an even number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** shoal / reference of a row; undefined without a reference. */
function ratioOf(row: Row): number | undefined {
  return row.reference === undefined ? undefined : row.shoal / row.reference;
}

/** The value below or at which this share of the values lies; NaN without values. @param share 0 to 1. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** Rows for programs. */
export function rowsJson(rows: readonly Row[]): object[] {
  return rows.map((row) => ({ ...row, ratio: ratioOf(row), isReached: isReached(row) }));
}

/** Whether the row reaches its bar; one without always does. */
function isReached(row: Row): boolean {
  if (row.bar === undefined) return true;
  const value = row.bar.of === 'ratio' ? (ratioOf(row) ?? Number.NaN) : row.shoal;
  return (
    value >= (row.bar.atLeast ?? Number.NEGATIVE_INFINITY) && value <= (row.bar.atMost ?? Number.POSITIVE_INFINITY)
  );
}

/** The table as people read it, a line each. */
export function tableText(rows: readonly Row[]): string {
  const cells = [
    ['what', 'unit', 'shoal', 'docker-registry', 'ratio', 'bar', ''],
    ...rows.map((row) => [
      row.what,
      row.unit,
      numberText(row.shoal),
      row.reference === undefined ? '-' : numberText(row.reference),
      ratioOf(row)?.toFixed(2) ?? '-',
      row.bar === undefined ? '-' : barText(row.bar),
      verdict(row),
    ]),
  ];
  return alignedTable(cells);
}

/** Lines of cells with their columns under each other. */
export function alignedTable(lines: ReadonlyArray<readonly string[]>): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function verdict(row: Row): string {
  if (row.bar === undefined) return '';
  return isReached(row) ? 'reached' : 'MISSED';
}

function barText(bar: NonNullable<Row['bar']>): string {
  const unit = bar.of === 'ratio' ? 'x' : '';
  return bar.atLeast === undefined ? `<= ${bar.atMost}${unit}` : `>= ${bar.atLeast}${unit}`;
}

function numberText(value: number): string {
  if (value >= 1000) return Math.round(value).toString();
  return value >= 10 ? value.toFixed(1) : value.toFixed(3);
}
