import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseArgs } from 'node:util';
import { FLEET_FLAGS, fleetOptions, kindOf, rateOf } from '../../../scripts/benchmarks/fleet/fleet-options.ts';
import { UsageError } from '../../../scripts/benchmarks/flag-values.ts';

function parse(...args: string[]) {
  return fleetOptions(parseArgs({ args, options: FLEET_FLAGS, strict: true }).values);
}

test('Without flags it is sixteen hosts, 100 MiB in two layers, and links of 50 Mbit/s', () => {
  const options = parse();

  assert.deepEqual(options, {
    hosts: 16,
    bytesPerSecond: 6_250_000,
    sizeBytes: 104_857_600,
    layers: 2,
    runs: 1,
    slowHosts: 0,
    killedHosts: 0,
    isFromNode: false,
    warmUpBytes: 100 * 1024 * 1024,
    isBeside: true,
  });
});

test('Slow hosts come first and have a tenth of the rate, then come those that are killed', () => {
  const options = parse('--hosts', '5', '--slow', '2', '--kill', '1', '--rate-mbit', '80');

  assert.deepEqual(
    [0, 1, 2, 3, 4].map((host) => kindOf(host, options)),
    ['slow', 'slow', 'killed', 'healthy', 'healthy'],
  );
  assert.deepEqual(
    [0, 2, 4].map((host) => rateOf(host, options)),
    [1_000_000, 10_000_000, 10_000_000],
  );
});

test('A flag that makes no sense is refused by its name', () => {
  const refused: ReadonlyArray<readonly [string[], RegExp]> = [
    [['--hosts', '0'], /--hosts/],
    [['--hosts', '65'], /--hosts takes a whole number from 1 to 64/],
    [['--rate-mbit', '1.5'], /--rate-mbit/],
    [['--size-mib', '-1'], /--size-mib/],
    [['--layers', 'two'], /--layers/],
    [['--runs', ''], /--runs/],
    [['--hosts', '4', '--slow', '4'], /--slow/],
    [['--hosts', '4', '--slow', '2', '--kill', '2'], /leave none of 4 hosts whole/],
  ];

  for (const [args, message] of refused) {
    assert.throws(
      () => parse(...args),
      (error: unknown) => (error instanceof UsageError && message.test(error.message)) || isMissingValue(error),
      args.join(' '),
    );
  }
});

/** `parseArgs` itself refuses a value that looks like a flag. */
function isMissingValue(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE';
}
