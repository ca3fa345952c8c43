// The log of a long-running command, and the first line of it.

import { createLogger, type Logger, type LogLevel } from '../../shared/runtime/log.ts';
import type { LogFormat } from '../../shared/runtime/log-lines.ts';
import { chooseFormat } from './log-format.ts';
import type { Terminal } from './terminal.ts';

/** The process's logger, in the form that whoever reads it wants. */
export function openServiceLog(
  config: { readonly level: LogLevel; readonly format: 'auto' | LogFormat },
  start: { readonly terminal: Terminal; readonly command: string; readonly version: string },
): Logger {
  const log = createLogger({ level: config.level, format: chooseFormat(config.format, start.terminal) });
  log.info({ command: start.command, version: start.version, nodejs: process.version, pid: process.pid }, 'starting');
  return log;
}
