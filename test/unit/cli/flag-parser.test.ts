import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFlags } from '../../../node/cli/flag-parser.ts';

const shapes = [
  { name: 'dry-run', takesValue: false, short: 'd' },
  { name: 'quiet', takesValue: false, short: 'q' },
  { name: 'data', takesValue: true },
];

test('A letter stands for its flag, alone, with others, and beside words', () => {
  const wanted = [{ name: 'CONFIG', isRequired: true }];

  assert.deepEqual(parseFlags(['-d', 'c.yml'], shapes, wanted), {
    flags: { 'dry-run': true },
    operands: ['c.yml'],
    problems: [],
  });
  assert.deepEqual(parseFlags(['-dq', 'c.yml'], shapes, wanted).flags, { 'dry-run': true, quiet: true });
  assert.deepEqual(parseFlags(['c.yml', '--dry-run=false'], shapes, wanted).flags, { 'dry-run': 'false' });
});

test('A letter that stands for nothing, and one said twice, are told', () => {
  assert.match(parseFlags(['-x'], shapes).problems.join(), /there is no flag -x/);
  assert.deepEqual(parseFlags(['-d', '--dry-run'], shapes).problems, ['--dry-run is given twice']);
});

test('A letter takes its value behind an equals sign, as scripts for the registry container write it', () => {
  const wanted = [{ name: 'CONFIG', isRequired: true }];

  assert.deepEqual(parseFlags(['-d=true', 'c.yml'], shapes, wanted), {
    flags: { 'dry-run': 'true' },
    operands: ['c.yml'],
    problems: [],
  });
  assert.deepEqual(parseFlags(['-qd=false', 'c.yml'], shapes, wanted).flags, { quiet: true, 'dry-run': 'false' });
  assert.deepEqual(parseFlags(['-x=true'], shapes).problems, ['there is no flag -x']);
  assert.deepEqual(parseFlags(['--', '-d=true'], shapes, wanted).operands, ['-d=true']);
});
