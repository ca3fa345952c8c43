// The shoal program: this file turns a process into a run of the command line.

import { COMMANDS } from './cli/commands.ts';
import { EXIT, runProgram } from './cli/program.ts';
import { processTerminal } from './cli/terminal.ts';
import { freeBuffersAtOnce } from './free-buffers-at-once.ts';

/** What is still open after a command ended may hold the process for so long, and is then cut; nothing of ours should. */
const LINGER_MS = 1_000;

freeBuffersAtOnce();
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (stop.signal.aborted) process.exit(EXIT.failed);
    stop.abort(new Error(`stopped by ${signal}`));
  });
}
// A reader that left, as in `shoal status | head`, is no failure.
process.stdout.on('error', () => process.exit(EXIT.done));

process.exitCode = await runProgram(COMMANDS, {
  args: process.argv.slice(2),
  terminal: processTerminal(),
  stop: stop.signal,
});
setTimeout(() => process.exit(), LINGER_MS).unref();
