// The outside of a process as commands see it, so that tests can look at all they say.

import { createInterface } from 'node:readline';
import { isatty } from 'node:tty';

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
