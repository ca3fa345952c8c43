// What a benchmark needs of the machine, asked before it makes anything.

import { isOnPath } from '../../test/support/on-path.ts';

/** @returns what is missing and what to do, for a sentence that begins with the name of the benchmark. */
export function lackOf(needs: { readonly root?: true; readonly programs: readonly string[] }): string | undefined {
  if (needs.root === true && process.getuid?.() !== 0) {
    return 'makes network namespaces, which takes root: run it with sudo';
  }
  const absent = needs.programs.filter((program) => !isOnPath(program));
  if (absent.length === 0) return undefined;
  return `needs ${absent.join(', ')}: scripts/install-test-clients installs them (Debian)`;
}
