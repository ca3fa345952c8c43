// `shoal status --watch`: the status on the terminal's other screen, shown anew in place, and the old screen back at the end.

import type { FleetStatus } from '../../shared/protocol/admin-api.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { isAppError } from '../../shared/runtime/errors.ts';
import { renderStatus } from './status-view.ts';
import type { Terminal } from './terminal.ts';

/** Pause between two looks: as long as between two reports of a node. */
const REFRESH_MS = 2_000;

// Control sequences of every terminal since xterm (ECMA-48, DEC private modes).
const OTHER_SCREEN = '\x1b[?1049h\x1b[?25l';
const OLD_SCREEN = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE_END = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

/** Shows until `signal` aborts. A status that cannot be read stays on the screen, with the reason below it. */
export async function watchStatus(
  deps: {
    readonly clock: Clock;
    readonly terminal: Pick<Terminal, 'out' | 'size'>;
    readonly read: () => Promise<FleetStatus>;
  },
  signal: AbortSignal,
): Promise<void> {
  const { clock, terminal, read } = deps;
  let status: FleetStatus = await read(); // a first failure is told the ordinary way
  let trouble = '';
  terminal.out(OTHER_SCREEN);
  try {
    while (!signal.aborted) {
      const { columns, rows } = terminal.size();
      const lines = `${renderStatus(status, { columns, rows: rows - 2 })}${trouble}`.split('\n');
      terminal.out(`${HOME}${lines.map((line) => `${line}${CLEAR_LINE_END}`).join('\n')}${CLEAR_BELOW}`);
      await clock.sleep(REFRESH_MS, signal);
      ({ status, trouble } = await refresh(read, status));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    terminal.out(OLD_SCREEN);
  }
}

async function refresh(
  read: () => Promise<FleetStatus>,
  last: FleetStatus,
): Promise<{ readonly status: FleetStatus; readonly trouble: string }> {
  try {
    return { status: await read(), trouble: '' };
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { status: last, trouble: `! not up to date: ${error.message}` };
  }
}
