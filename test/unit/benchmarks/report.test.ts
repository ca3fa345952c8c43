import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, percentile, type Row, rowsJson, tableText } from '../../../scripts/benchmarks/report.ts';

test('Percentile is a value that was measured, and the median may lie between two', () => {
  const values = [5, 1, 4, 2, 3, 6];

  assert.deepEqual(
    [0, 0.5, 0.99, 1].map((share) => percentile(values, share)),
    [1, 3, 6, 6],
  );
  assert.equal(median(values), 3.5);
  assert.ok(Number.isNaN(percentile([], 0.5)));
});

test('A row reaches its bar by its own value or by its ratio, and one without a bar is only told', () => {
  const rows: Row[] = [
    { what: 'a', unit: 'ms', shoal: 20, bar: { of: 'value', atMost: 20 } },
    { what: 'b', unit: 'ms', shoal: 20.1, bar: { of: 'value', atMost: 20 } },
    { what: 'c', unit: 'MB/s', shoal: 260, reference: 200, bar: { of: 'ratio', atLeast: 1.3 } },
    { what: 'd', unit: 's', shoal: 1 },
  ];

  const table = tableText(rows).split('\n');
  const json = rowsJson(rows) as Array<{ isReached: boolean }>;

  assert.deepEqual(
    json.map((row) => row.isReached),
    [true, false, true, true],
  );
  assert.deepEqual(
    table.slice(1).map((line) => line.trim().split(/\s+/).at(-1)),
    ['reached', 'MISSED', 'reached', '-'],
  );
});

test('A value that could not be measured reaches no bar', () => {
  const [row] = rowsJson([{ what: 'a', unit: 's', shoal: Number.NaN, bar: { of: 'value', atMost: 1 } }]) as Array<{
    isReached: boolean;
  }>;

  assert.equal(row?.isReached, false);
});
