// A process as one run of a command line: its signals stop it, its exit code is the command's.

import { isatty } from 'node:tty';
import { freeBuffersAtOnce } from '../free-buffers-at-once.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { runProgram } from './program.ts';
import { processTerminal } from './terminal.ts';

/** What is still open after a command ended may hold the process for so long, and is then cut; nothing of ours should. */
const LINGER_MS = 1_000;

/** Runs what this process was started with, and sets its exit code. @param program.name as people type it. */
export async function runProcess(program: {
  readonly name: string;
  readonly commands: readonly Command[];
}): Promise<void> {
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
  process.exitCode = await runProgram(program.commands, {
    name: program.name,
    args: process.argv.slice(2),
    terminal: processTerminal(),
    stop: stop.signal,
    onReload,
  });
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

/** A service reads its settings again. In a terminal the signal means that this was closed, and ends the program as ever. */
function onReload(run: () => void): () => void {
  if (isatty(0)) return () => undefined;
  process.on('SIGHUP', run);
  return () => void process.removeListener('SIGHUP', run);
}
