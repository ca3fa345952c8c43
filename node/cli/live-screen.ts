// Something that changes, on the terminal's other screen: shown anew in place, and the old screen back at the end.

import type { Clock } from '../../shared/runtime/clock.ts';
import { isAppError } from '../../shared/runtime/errors.ts';
import type { Terminal } from './terminal.ts';

// Control sequences of every terminal since xterm (ECMA-48, DEC private modes).
const OTHER_SCREEN = '\x1b[?1049h\x1b[?25l';
const OLD_SCREEN = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE_END = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

/**
 * Shows until `signal` aborts or `isOver` says so. What cannot be read stays on the screen, with the reason below it.
 * @returns what was read last.
 * @throws what the first reading throws.
 */
export async function showLive<T>(
  deps: {
    readonly clock: Clock;
    readonly terminal: Pick<Terminal, 'out' | 'size'>;
    readonly read: () => Promise<T>;
    /** Lines for a screen of this size, each ended. */
    readonly render: (value: T, size: { readonly columns: number; readonly rows: number }) => string;
    readonly isOver?: (value: T) => boolean;
  },
  options: { readonly refreshMs: number },
  signal: AbortSignal,
): Promise<T> {
  const { clock, terminal, read, render, isOver = () => false } = deps;
  let value: T = await read(); // a first failure is told the ordinary way
  let trouble = '';
  terminal.out(OTHER_SCREEN);
  try {
    while (!signal.aborted) {
      const { columns, rows } = terminal.size();
      const lines = `${render(value, { columns, rows: rows - 2 })}${trouble}`.split('\n');
      terminal.out(`${HOME}${lines.map((line) => `${line}${CLEAR_LINE_END}`).join('\n')}${CLEAR_BELOW}`);
      if (isOver(value)) break;
      await clock.sleep(options.refreshMs, signal);
      ({ value, trouble } = await refresh(read, value));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    terminal.out(OLD_SCREEN);
  }
  return value;
}

async function refresh<T>(read: () => Promise<T>, last: T): Promise<{ readonly value: T; readonly trouble: string }> {
  try {
    return { value: await read(), trouble: '' };
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { value: last, trouble: `! not up to date: ${error.message}` };
  }
}
