// The command line in the process of a test, on free ports of loopback.

import assert from 'node:assert/strict';
import { COMMANDS } from '../../node/cli/commands.ts';
import { runProgram } from '../../node/cli/program.ts';
import { eventually } from './eventually.ts';
import { recordingTerminal, type RecordingTerminal } from './recording-terminal.ts';

const environment = {
  SHOAL_LOG_LEVEL: 'silent',
  SHOAL_HTTP: '127.0.0.1:0',
  SHOAL_LISTEN: '127.0.0.1:0',
  SHOAL_SWARM: '127.0.0.1:0',
  SHOAL_ADVERTISE: '127.0.0.1:1', // these nodes send each other nothing
};

/** What a command said, and its exit code. */
export interface Ran extends RecordingTerminal {
  readonly code: number;
}

/** Runs one command to its end. */
export function shoal(...args: string[]): Promise<Ran> {
  return shoalWith({}, ...args);
}

/** The same where a person answers, or standard input holds something. */
export async function shoalWith(
  given: { readonly answer?: string; readonly input?: string },
  ...args: string[]
): Promise<Ran> {
  const terminal = recordingTerminal({ environment, ...given });
  const code = await runProgram(COMMANDS, { args, terminal, stop: new AbortController().signal });
  return Object.assign(terminal, { code });
}

/** A command that stays. Disposing stops it as a signal would, and asserts that it ended well. */
export async function startShoal(
  ...args: string[]
): Promise<AsyncDisposable & { readonly terminal: RecordingTerminal }> {
  const terminal = recordingTerminal({ environment });
  const stop = new AbortController();
  const ended = runProgram(COMMANDS, { args, terminal, stop: stop.signal });
  const failed = new AbortController();
  void ended.then(() => failed.abort(new Error(terminal.messages)));
  await eventually({ what: args.join(' '), signal: failed.signal }, () => /running/.test(terminal.output));
  return {
    terminal,
    async [Symbol.asyncDispose]() {
      stop.abort();
      assert.equal(await ended, 0);
    },
  };
}
