import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decideRange, type ByteRange } from '../../../shared/oci/byte-range.ts';

const single = (first: number, last: number): object => ({ type: 'single', range: { first, last } });

test('[B-10 B-11 B-12 B-13 B-14 B-15 B-16 B-17 B-18 B-19] Each form of a range is decided as the table says', () => {
  const cases = [
    ['bytes=500-1499', single(500, 1499)],
    ['bytes=500-', single(500, 2047)],
    ['bytes=-500', single(1548, 2047)],
    ['bytes=2000-5000', single(2000, 2047)],
    ['bytes=-5000', single(0, 2047)],
    ['Bytes= 0-0 ', single(0, 0)],
    ['bytes=0-99999999999999999999999', single(0, 2047)],
    ['bytes=5000-10000', { type: 'unsatisfiable' }],
    ['bytes=99999999999999999999999-', { type: 'unsatisfiable' }],
    ['bytes=500-0', { type: 'unsatisfiable' }],
    ['bytes=-0', { type: 'unsatisfiable' }],
    ['bytes=', { type: 'unsatisfiable' }],
    ['bytes=0-1,x', { type: 'unsatisfiable' }],
    ['items=0-1', { type: 'whole' }],
    ['bytes', { type: 'whole' }],
    [undefined, { type: 'whole' }],
  ] as const;

  for (const [header, expected] of cases) assert.deepEqual(decideRange(header, 2048), expected, header);
  assert.deepEqual(decideRange('bytes=0-1', 0), { type: 'whole' });
  const ranges = [{ first: 100, last: 109 }];
  assert.deepEqual(decideRange('bytes=100-109,5000-', 2048), { type: 'multiple', ranges });
});

test('Whatever the header, every range lies in the blob and all of them together are no longer than it', () => {
  const number = fc.oneof(fc.nat({ max: 300 }), fc.nat(), fc.constant('')).map(String);
  const spec = fc.tuple(number, number).map(([first, last]) => `${first}-${last}`);
  const header = fc.oneof(
    fc.array(spec, { maxLength: 20 }).map((specs) => `bytes=${specs.join(',')}`),
    fc.string(),
  );
  fc.assert(
    fc.property(header, fc.nat({ max: 300 }), (text, sizeBytes) => {
      const decision = decideRange(text, sizeBytes);
      const ranges: ByteRange[] = [];
      if (decision.type === 'single') ranges.push(decision.range);
      if (decision.type === 'multiple') ranges.push(...decision.ranges);
      let total = 0;
      for (const { first, last } of ranges) {
        assert.ok(0 <= first && first <= last && last < sizeBytes, text);
        total += last - first + 1;
      }
      assert.ok(total <= sizeBytes);
    }),
    { numRuns: 500 },
  );
});
