// Where a password comes from: a person who types it, or standard input. Never from the command line, where every user of the
// host could read it in the list of processes.

import { AppError } from '../../shared/runtime/errors.ts';
import type { Terminal } from './terminal.ts';

/** @throws {AppError} `config_invalid` when there is none, or it was not typed the same way twice. */
export async function readNewPassword(
  terminal: Terminal,
  options: { readonly name: string; readonly source: 'stdin' | 'person' },
): Promise<string> {
  if (options.source === 'stdin') {
    const [line = ''] = (await terminal.readInput()).split(/\r?\n/);
    if (line !== '') return line;
    throw new AppError('config_invalid', 'there is no password on standard input; write it as one line');
  }
  if (!terminal.canAsk) {
    throw new AppError(
      'config_invalid',
      'nobody can be asked for the password here; hand it in on standard input: --password-stdin < FILE',
    );
  }
  const password = await terminal.askSecret(`Password for ${options.name}: `);
  if (password === '') throw new AppError('config_invalid', 'no password was typed; nothing was changed');
  if ((await terminal.askSecret('Once more: ')) === password) return password;
  throw new AppError('config_invalid', 'these were two different passwords; nothing was changed');
}
