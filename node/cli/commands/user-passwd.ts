// `shoal user passwd NAME`

import { Done } from '../../../shared/protocol/users-api.ts';
import { callSettings, ADMIN_HOST_NOTE, openAdminCalls } from '../coordinator-calls.ts';
import type { Command } from '../command.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';
import { PasswordFlags, readPasswordHash } from '../password-input.ts';

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
  flags: flagsOf(PasswordFlags),
  settings: callSettings,
  async run(invocation) {
    const { terminal } = invocation;
    const [name = ''] = invocation.operands;
    const { passwordStdin, json } = await readOwnFlags(PasswordFlags, invocation);
    const call = await openAdminCalls(invocation);
    const body = { passwordHash: await readPasswordHash(terminal, { name, passwordStdin }) };
    await call({ method: 'POST', path: `/api/users/${encodeURIComponent(name)}/password`, body, answer: Done });
    terminal.out(json ? `${JSON.stringify({ name })}\n` : `changed the password of ${name}\n`);
    return 0;
  },
};
