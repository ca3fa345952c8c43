// Which form the log has for whoever reads it.

import type { Terminal } from './terminal.ts';

/** `auto` is for people on a terminal and for programs elsewhere. */
export function chooseFormat(
  wanted: 'auto' | 'json' | 'pretty',
  terminal: Pick<Terminal, 'isAttended'>,
): 'json' | 'pretty' {
  if (wanted !== 'auto') return wanted;
  return terminal.isAttended ? 'pretty' : 'json';
}
