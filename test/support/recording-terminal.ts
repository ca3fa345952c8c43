// A terminal that keeps what was said to it.

import type { Terminal } from '../../node/cli/terminal.ts';

export interface RecordingTerminal extends Terminal {
  readonly output: string;
  readonly messages: string;
}

export function recordingTerminal(
  options: Partial<Pick<Terminal, 'environment' | 'isInteractive' | 'isAttended'>> & { readonly columns?: number } = {},
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
    isInteractive: options.isInteractive ?? false,
    isAttended: options.isAttended ?? false,
    size: () => ({ columns: options.columns ?? 80, rows: 24 }),
    environment: options.environment ?? {},
  };
}
