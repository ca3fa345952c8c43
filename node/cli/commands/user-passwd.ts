// `shoal user passwd NAME`

import Type from 'typebox';
import { Done } from '../../../shared/protocol/users-api.ts';
import { onOff } from '../../../shared/runtime/settings.ts';
import { adminSettings, ADMIN_HOST_NOTE, openAdminSession } from '../admin-session.ts';
import type { Command } from '../command.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';
import { readNewPassword } from '../password-input.ts';

const Flags = Type.Object(
  {
    passwordStdin: onOff({ default: false, description: 'Read the password from standard input, one line.' }),
    json: onOff({ default: false, description: 'One JSON document, for programs.' }),
  },
  { additionalProperties: false },
);

export const userPasswdCommand: Command = {
  words: ['user', 'passwd'],
  summary: 'give a user another password',
  about: [
    'Asks for another password of a user. It counts at every node within a second; tokens that were given out for the old one count no more, so the user has to log in again.',
    ADMIN_HOST_NOTE,
  ],
  examples: [
    { does: 'Ask for it:', line: 'shoal user passwd alice' },
    { does: 'In a script:', line: 'shoal user passwd alice --password-stdin < password.txt' },
  ],
  operands: [{ name: 'NAME', isRequired: true }],
  flags: flagsOf(Flags),
  settings: adminSettings,
  async run(invocation) {
    const { terminal } = invocation;
    const [name = ''] = invocation.operands;
    const { passwordStdin, json } = await readOwnFlags(Flags, invocation);
    const call = await openAdminSession(invocation);
    const password = await readNewPassword(terminal, { name, source: passwordStdin ? 'stdin' : 'person' });
    const { hashPassword } = await import('../../access/password-hash.ts');
    const body = { passwordHash: await hashPassword(password) };
    await call({ method: 'POST', path: `/api/users/${encodeURIComponent(name)}/password`, body, answer: Done });
    terminal.out(json ? `${JSON.stringify({ name })}\n` : `changed the password of ${name}\n`);
    return 0;
  },
};
