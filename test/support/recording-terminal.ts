// A terminal that keeps what was said to it.

import type { Terminal } from '../../node/cli/terminal.ts';

export interface RecordingTerminal extends Terminal {
  readonly output: string;
  readonly messages: string;
}

export function recordingTerminal(
  options: Partial<Pick<Terminal, 'environment' | 'isInteractive' | 'isAttended'>> & {
    readonly columns?: number;
    /** What a person would type; without it nobody can be asked. */
    readonly answer?: string;
    /** What stands on standard input. */
    readonly input?: string;
  } = {},
): RecordingTerminal {
  const said = { output: '', messages: '' };
  return {
    get output() {
      return said.output;
    },
    get messages() {
      return said.messages;
    },
    out: (text) => {
      said.output += text;
    },
    say: (text) => {
      said.messages += text;
    },
    canAsk: options.answer !== undefined,
    ask: async (question) => {
      said.messages += question;
      return options.answer ?? '';
    },
    askSecret: async (question) => {
      said.messages += question;
      return options.answer ?? '';
    },
    readInput: async () => options.input ?? '',
    isInteractive: options.isInteractive ?? false,
    isAttended: options.isAttended ?? false,
    size: () => ({ columns: options.columns ?? 80, rows: 24 }),
    environment: options.environment ?? {},
  };
}
