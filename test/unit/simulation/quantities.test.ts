import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UsageError } from '../../../scripts/benchmarks/flag-values.ts';
import { parsePart, parseRate, parseShare, parseSize, parseTime } from '../../../scripts/simulation/quantities.ts';

test('Sizes, rates and times are read with the unit that is written', () => {
  assert.equal(parseSize('--size', '3000MB'), 3e9);
  assert.equal(parseSize('--size', '1.5GiB'), 1.5 * 1024 ** 3);
  assert.equal(parseRate('--rate', '300MB/s'), 300e6);
  assert.equal(parseRate('--rate', '10Gbit/s'), 1.25e9);
  assert.equal(parseTime('--latency', '20ms'), 20);
  assert.equal(parseTime('--latency', '500us'), 0.5);
  assert.equal(parseTime('--stagger', '0'), 0);
});

test('A part is a number of hosts or a share of them', () => {
  assert.equal(parsePart('--kill', '7', { total: 100, most: 99 }), 7);
  assert.equal(parsePart('--kill', '5%', { total: 2600, most: 2599 }), 130);
  assert.equal(parseShare('--slow-rate', '10%'), 0.1);
});

test('A wrong quantity is refused with the flag and an example', () => {
  assert.throws(() => parseSize('--size', '3000'), /--size takes a size with its unit, for example 3000MB or 1GiB/);
  assert.throws(() => parseSize('--size', '0MB'), UsageError);
  assert.throws(() => parseRate('--rate', '300MB'), /--rate takes a rate/);
  assert.throws(() => parseRate('--rate', '-1MB/s'), UsageError);
  assert.throws(() => parseTime('--latency', '20'), /--latency takes a time/);
  assert.throws(() => parsePart('--kill', '101', { total: 100, most: 100 }), /up to 100/);
  assert.throws(() => parsePart('--kill', '100%', { total: 100, most: 99 }), UsageError);
  assert.throws(() => parseShare('--slow-rate', '0%'), UsageError);
});

test('Whatever is written, the answer is a number or says how to write it', () => {
  const parsers = [
    parseSize,
    parseRate,
    parseTime,
    parseShare,
    (flag: string, text: string) => parsePart(flag, text, { total: 9, most: 9 }),
  ];
  fc.assert(
    fc.property(fc.string(), fc.constantFrom(...parsers), (text, parse) => {
      try {
        assert.ok(Number.isFinite(parse('--flag', text)));
      } catch (error) {
        assert.ok(error instanceof UsageError && error.message.startsWith('--flag takes '));
      }
    }),
  );
});
