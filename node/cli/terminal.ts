// The outside of a process as commands see it, so that tests can look at all they say.

import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { readText } from '../../shared/runtime/json-answer.ts';

/** Standard input that is read as a whole, more is an error: one line with a password. */
const MAX_INPUT_BYTES = 64 * 1024;

export interface Terminal {
  /** Results, for programs too. */
  out(text: string): void;
  /** Messages, for people. */
  say(text: string): void;
  /** A person looks at the results. */
  readonly isInteractive: boolean;
  /** A person can be asked. */
  readonly canAsk: boolean;
  /** Asks, and waits for one line. @returns it without spaces around it; empty when there is none. */
  ask(question: string): Promise<string>;
  /** As `ask`, but shows nothing of what is typed, and leaves it as it is. */
  askSecret(question: string): Promise<string>;
  /** What is written to standard input until it ends, a little of it at most: passwords, not files. */
  readInput(): Promise<string>;
  /** A person looks at the messages. */
  readonly isAttended: boolean;
  /** Characters in a line and lines on the screen, as of now. */
  size(): { readonly columns: number; readonly rows: number };
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  return {
    out: (text) => void process.stdout.write(text),
    say: (text) => void process.stderr.write(text),
    canAsk: isatty(0) && isatty(2),
    ask: askOnStderr,
    askSecret: askHidden,
    readInput: () => readText(process.stdin, MAX_INPUT_BYTES),
    isInteractive: isatty(1),
    isAttended: isatty(2),
    size: () => ({ columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 }),
    environment: process.env,
  };
}

function askOnStderr(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise((resolve) => {
    lines.once('close', () => resolve(''));
    lines.question(question, (answer) => {
      resolve(answer.trim());
      lines.close();
    });
  });
}

/** The line editor writes what is typed to its output: there is none. */
function askHidden(question: string): Promise<string> {
  process.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  return new Promise((resolve) => {
    lines.once('SIGINT', () => lines.close());
    lines.once('close', () => {
      process.stderr.write('\n');
      resolve('');
    });
    lines.question('', (answer) => {
      resolve(answer);
      lines.close();
    });
  });
}
