// Runs a coordinator that commits tag after tag in a process of its own, and kills it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('committing-coordinator-main.ts', import.meta.url));

/**
 * The kill comes when number `killAfter` was acknowledged, or a moment later.
 * @param run.settings of the coordinator. @param run.until what the kill waits for besides.
 * @returns the digest by number of what was acknowledged until then.
 */
export async function commitUntilKilled(run: {
  readonly data: string;
  readonly first: number;
  readonly killAfter: number;
  readonly settings?: object;
  readonly until?: Promise<void>;
}): Promise<Map<number, string>> {
  const { data, first, killAfter, settings = {}, until } = run;
  const args = ['--import', import.meta.resolve('tsx'), program, data, String(first), JSON.stringify(settings)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    const last = Number(text.trimEnd().split('\n').at(-1)?.split(' ', 1)[0]);
    if (last < killAfter) return;
    if (until === undefined) child.kill('SIGKILL');
    else void until.then(() => child.kill('SIGKILL'));
  });
  await closed;
  const complete = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '');
  return new Map(complete.map((line) => [Number(line.split(' ')[0]), line.split(' ')[1] ?? '']));
}
