// What the log keeps of an error: of an expected failure its words, of a bug where it happened.

import { AppError } from './errors.ts';

/** Causes told of one failure; deeper ones add nothing that a reader can use. */
const MAX_CAUSES = 3;
/** Entries of a list in the detail of a failure; the rest is counted. */
const MAX_LISTED = 5;

export interface LoggedError {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly cause?: LoggedError;
  /** Of a bug alone: an expected failure did not go wrong where it was noticed. */
  readonly stack?: string;
}

/** @returns what is no error as it is. */
export function loggedError(error: unknown): unknown {
  return error instanceof Error ? describe(error, 0) : error;
}

function describe(error: Error, depth: number): LoggedError {
  const { cause, message, name: type } = error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const isExpected = error instanceof AppError;
  const told = cause instanceof Error && depth < MAX_CAUSES ? describe(cause, depth + 1) : undefined;
  return {
    type,
    message,
    ...(code === undefined ? {} : { code }),
    ...(isExpected && Object.keys(error.detail).length > 0 ? { detail: shortened(error.detail) } : {}),
    ...(told === undefined ? {} : { cause: isExpected ? withoutStack(told) : told }),
    ...(isExpected || error.stack === undefined ? {} : { stack: error.stack }),
  };
}

/** What an expected failure came from is expected too: a socket that was refused, a disk that is full. */
function withoutStack(error: LoggedError): LoggedError {
  const { stack: _, cause, ...rest } = error;
  return cause === undefined ? rest : { ...rest, cause: withoutStack(cause) };
}

function shortened(detail: AppError['detail']): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(detail).map(([key, value]) => {
      if (typeof value !== 'object' || value.length <= MAX_LISTED) return [key, value];
      return [key, [...value.slice(0, MAX_LISTED), `and ${value.length - MAX_LISTED} more`]];
    }),
  );
}
