// `npm run check`: everything that can be said about the code without running the product. All checks run, also
// after one fails, so that one run shows all there is to mend.

import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Check {
  readonly name: string;
  /** Files of node_modules/.bin, or `node`. */
  readonly command: string;
  readonly args: readonly string[];
  /** What to type to mend it, where a machine can. */
  readonly mend?: string;
}

interface Outcome {
  readonly check: Check;
  readonly isPassed: boolean;
  readonly output: string;
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const CHECKS: readonly Check[] = [
  { name: 'format', command: 'oxfmt', args: ['--check'], mend: 'npm run format' },
  { name: 'types', command: 'tsc', args: ['--noEmit'] },
  { name: 'lint', command: 'oxlint', args: ['--type-aware', '--deny-warnings'] },
  { name: 'unused code', command: 'knip', args: ['--no-progress'] },
  {
    name: 'architecture',
    command: 'node',
    args: ['--import', 'tsx', '--test', '--test-reporter=spec', 'test/unit/architecture/imports.test.ts'],
  },
];

const outcomes: Outcome[] = [];
for (const check of CHECKS) {
  const outcome = await runCheck(check);
  outcomes.push(outcome);
  console.log(`${outcome.isPassed ? 'passed' : 'FAILED'}  ${check.name}`);
}

const failures = outcomes.filter((outcome) => !outcome.isPassed);
for (const { check, output } of failures) {
  const hint = check.mend === undefined ? '' : `\n(mended by: ${check.mend})`;
  console.log(`\n--- ${check.name}\n${output.trimEnd()}${hint}`);
}
if (failures.length > 0) process.exitCode = 1;

/** Never rejects for a check that fails; its output, both streams in their order, is for the reader. */
async function runCheck(check: Check): Promise<Outcome> {
  const command = check.command === 'node' ? process.execPath : join(root, 'node_modules/.bin', check.command);
  const child = spawn(command, check.args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const gather = (chunk: Buffer): void => {
    output += chunk.toString('utf8');
  };
  child.stdout.on('data', gather);
  child.stderr.on('data', gather);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { check, isPassed: code === 0, output };
}
