// What a test needs of the machine beyond Node. A lack skips the test with a reason, or fails it where
// SHOAL_TEST_CLIENTS=required says that everything has to be there.

import { spawnSync } from 'node:child_process';
import { isOnPath } from './on-path.ts';

/** Everything that is true or listed here has to be there. */
export interface Needs {
  /** Programs that have to be on the PATH. */
  readonly commands?: readonly string[];
  /** The tests run as root. */
  readonly root?: true;
  /** Network namespaces may be made; implies root and the tools for it. */
  readonly namespaces?: true;
}

/**
 * Options for `test` or `describe`: `{ skip: false }`, or a reason to skip.
 * @throws {Error} with the reason instead, where SHOAL_TEST_CLIENTS=required.
 */
export function needs(wanted: Needs): { skip: string | false } {
  const reason = firstLack(wanted);
  if (reason === undefined) return { skip: false };
  if (process.env['SHOAL_TEST_CLIENTS'] === 'required') {
    throw new Error(`${reason}, and SHOAL_TEST_CLIENTS=required forbids to skip`);
  }
  return { skip: reason };
}

function firstLack({ commands = [], root, namespaces }: Needs): string | undefined {
  if ((root ?? namespaces) && process.getuid?.() !== 0) return 'needs root';
  const tools = namespaces ? ['ip', 'tc', 'nsenter', 'unshare', ...commands] : commands;
  const absent = tools.filter((command) => !isOnPath(command));
  if (absent.length > 0) return `needs ${absent.join(', ')}; scripts/install-test-clients installs them`;
  if (namespaces && spawnSync('unshare', ['--net', 'true']).status !== 0)
    return 'needs the right to make network namespaces';
  return undefined;
}
