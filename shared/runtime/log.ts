// Logging: pino, lines on stderr. The only place that imports pino.

import { pino, type Logger as PinoLogger } from 'pino';
import { LOG_LINES, type LogFormat } from './log-lines.ts';
import { loggedError } from './logged-error.ts';

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

/** The root logger of a process. @param options.sink takes its JSON lines in the place of stderr. */
export function createLogger(options: {
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly sink?: { write(line: string): void };
}): PinoLogger {
  const { format } = options;
  const stderr = format === 'json' ? pino.destination({ dest: 2, sync: true }) : stderrIn(format);
  const destination = options.sink ?? stderr;
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: REDACTED,
      serializers: { err: loggedError },
    },
    destination,
  );
}

/** Takes pino's JSON lines and writes them in another form to stderr. */
function stderrIn(format: Exclude<LogFormat, 'json'>): { write(line: string): void } {
  const lineOf = LOG_LINES[format];
  return {
    write(line) {
      process.stderr.write(lineOf(line));
    },
  };
}

/** A place for lines that are no log of ours. */
export interface LineSink {
  /** @param line without its end. */
  write(line: string): void;
}

/** Lines that wait for a reader of stdout, in characters; what comes while so much waits is dropped: requests must not wait for it. */
const MAX_WAITING_CHARS = 4 * 1024 * 1024;

/** Lines on stdout, written in the background. Disposing writes what is left. */
export function openStdoutLines(): LineSink & AsyncDisposable {
  const destination = pino.destination({ dest: 1, sync: false, maxLength: MAX_WAITING_CHARS });
  destination.on('error', () => undefined); // whoever read them has left
  return {
    write: (line) => void destination.write(`${line}\n`),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        destination.once('close', () => resolve());
        destination.end();
      }),
  };
}

/** A logger that says nothing, for tests. */
export const silentLogger: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  child: () => silentLogger,
};
