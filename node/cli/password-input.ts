// Where a password comes from: a person who types it, or standard input. Never from the command line, where every user of the
// host could read it in the list of processes.

import Type from 'typebox';
import { AppError } from '../../shared/runtime/errors.ts';
import { onOff } from '../../shared/runtime/settings.ts';
import type { Terminal } from './terminal.ts';

/** Flags of a command that takes a password. */
export const PasswordFlags = Type.Object(
  {
    passwordStdin: onOff({ default: false, description: 'Read the password from standard input, one line.' }),
    json: onOff({ default: false, description: 'One JSON document, for programs.' }),
  },
  { additionalProperties: false },
);

/** The bcrypt hash of a password that is read now; the password itself goes nowhere. @throws {AppError} `config_invalid` as below */
export async function readPasswordHash(
  terminal: Terminal,
  options: { readonly name: string; readonly passwordStdin: boolean },
): Promise<string> {
  const { name, passwordStdin } = options;
  const password = await readNewPassword(terminal, { name, source: passwordStdin ? 'stdin' : 'person' });
  const { hashPassword } = await import('../access/password-hash.ts'); // bcrypt, which no other command needs
  return hashPassword(password);
}

/** @throws {AppError} `config_invalid` when there is none, or it was not typed the same way twice. */
async function readNewPassword(
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
