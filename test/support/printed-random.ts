// Chance for tests that kill something at any moment: another seed in each run, printed, so that a run can be repeated.

import { seededRandom } from '../../scripts/simulation/core/seeded-random.ts';

/** Numbers from 0 to below 1. `SHOAL_TEST_SEED` repeats a run whose seed `print` was told. */
export function printedRandom(print: (line: string) => void): () => number {
  const seed = Number(process.env['SHOAL_TEST_SEED'] ?? Date.now() % 1_000_000);
  print(`chance: SHOAL_TEST_SEED=${seed}`);
  return seededRandom(seed);
}
