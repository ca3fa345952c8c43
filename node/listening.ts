// What a person is told when an address cannot be listened on.

import { AppError } from '../shared/runtime/errors.ts';

/** Says what to do when an address cannot be listened on. @throws {AppError} `config_invalid` */
export async function listening<T>(
  start: Promise<T>,
  at: { readonly address: string; readonly flag: string },
): Promise<T> {
  try {
    return await start;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const reasons: Readonly<Record<string, string>> = {
      EADDRINUSE: 'another program listens there',
      EACCES: 'this user may not listen there',
      EADDRNOTAVAIL: 'this host does not have that address',
    };
    const reason = reasons[code];
    if (reason === undefined) throw cause;
    throw new AppError('config_invalid', `cannot listen on ${at.address}: ${reason}; choose another with ${at.flag}`, {
      cause,
    });
  }
}
