// Which form the log has for whoever reads it.

import type { LogFormat } from '../../shared/runtime/log-lines.ts';
import type { Terminal } from './terminal.ts';

/** `auto` is for people on a terminal and for programs elsewhere. */
export function chooseFormat(wanted: 'auto' | LogFormat, terminal: Pick<Terminal, 'isAttended'>): LogFormat {
  if (wanted !== 'auto') return wanted;
  return terminal.isAttended ? 'pretty' : 'json';
}
