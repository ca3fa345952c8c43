import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { linePlotSvg } from '../../../scripts/benchmarks/line-plot.ts';

const plot = { title: 'a < b & c', xName: 'seconds', yName: 'share', lines: [] };

test('Text is escaped', () => {
  assert.match(linePlotSvg(plot), /a &lt; b &amp; c/);
});

test('Any line makes a small picture of finite numbers', () => {
  const point = fc.tuple(fc.double({ min: 0, max: 1e7, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }));
  fc.assert(
    fc.property(fc.array(point, { maxLength: 2000 }), fc.constantFrom('steps', 'line', 'faint'), (points, style) => {
      const sorted = points.toSorted(([left], [right]) => left - right);

      const svg = linePlotSvg({ ...plot, lines: [{ name: 'n', color: '#000', points: sorted, style }] });

      assert.doesNotMatch(svg, /NaN|Infinity/);
      assert.ok(svg.length < 12_000, `${svg.length} characters`);
    }),
    { numRuns: 50 },
  );
});
