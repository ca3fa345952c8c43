// Logging: pino, JSON lines on stderr, readable lines on a terminal. The only place that imports pino.

import { pino, type Logger as PinoLogger } from 'pino';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'silent';

/** What parts of the program need of a logger. Messages are constant text, facts are fields. */
export interface Logger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  child(fields: object): Logger;
}

const REDACTED = [
  'authorization',
  'token',
  'secret',
  'password',
  '*.authorization',
  '*.token',
  '*.secret',
  '*.password',
];

/** The root logger of a process. @param options.format `pretty` for a person at a terminal, `json` for everything else. */
export function createLogger(options: { readonly level: LogLevel; readonly format: 'json' | 'pretty' }): PinoLogger {
  const destination = options.format === 'pretty' ? prettyStderr() : pino.destination({ dest: 2, sync: true });
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: REDACTED,
    },
    destination,
  );
}

/** Takes pino's JSON lines and writes `12:00:00 info  swarm: message  key=value` to stderr. */
function prettyStderr(): { write(line: string): void } {
  return {
    write(line) {
      process.stderr.write(prettyLine(line));
    },
  };
}

function prettyLine(line: string): string {
  const { level, time, msg, part, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const facts = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const clock = String(time).slice(11, 19);
  const where = typeof part === 'string' ? `${part}: ` : '';
  const reason = err === undefined ? '' : `\n    ${errorText(err)}`;
  return `${clock} ${String(level).padEnd(5)} ${where}${String(msg)}  ${facts.join(' ')}${reason}\n`;
}

function errorText(err: unknown): string {
  if (typeof err === 'object' && err !== null && 'stack' in err) return String(err.stack);
  return JSON.stringify(err);
}

/** A logger that says nothing, for tests. */
export const silentLogger: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  child: () => silentLogger,
};
