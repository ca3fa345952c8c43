// `shoal user add NAME [ACTIONS REPOSITORIES]`

import { Done } from '../../../shared/protocol/users-api.ts';
import { callSettings, ADMIN_HOST_NOTE, openAdminCalls } from '../coordinator-calls.ts';
import type { Command } from '../command.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';
import { PasswordFlags, readPasswordHash } from '../password-input.ts';
import { parseRight, RIGHT_OPERANDS, RIGHTS_NOTE } from '../right-operands.ts';
import { showRight } from '../users-view.ts';

export const userAddCommand: Command = {
  words: ['user', 'add'],
  summary: 'make a user of the fleet, who logs in at every node',
  about: [
    'Makes a user and asks for the password. Nodes with access.scheme token or basic, and no htpasswd file of their own, let the user in within a second, each of them. A user may do nothing until a right is given, here or with `shoal user grant`.',
    RIGHTS_NOTE,
    `Passwords are kept as bcrypt hashes and never stand in the command line. ${ADMIN_HOST_NOTE}`,
  ],
  examples: [
    { does: 'Somebody who pushes what the team builds:', line: `shoal user add alice pull,push 'team/**'` },
    { does: 'An administrator:', line: `shoal user add root admin '**'` },
    { does: 'In a script:', line: `shoal user add alice pull '**' --password-stdin < password.txt` },
  ],
  operands: [{ name: 'NAME', isRequired: true }, ...RIGHT_OPERANDS],
  flags: flagsOf(PasswordFlags),
  settings: callSettings,
  async run(invocation) {
    const { terminal } = invocation;
    const [name = '', actions, repositories] = invocation.operands;
    const right = parseRight(actions, repositories);
    const { passwordStdin, json } = await readOwnFlags(PasswordFlags, invocation);
    const call = await openAdminCalls(invocation);
    const passwordHash = await readPasswordHash(terminal, { name, passwordStdin });
    const body = { name, passwordHash, ...(right === undefined ? {} : { right }) };
    await call({ method: 'POST', path: '/api/users', body, answer: Done });
    const may =
      right === undefined
        ? `it may do nothing yet: shoal user grant ${name} pull,push 'team/**'`
        : `it may ${showRight(right)}. Log in with: docker login --username ${name} HOST:PORT`;
    terminal.out(
      json ? `${JSON.stringify({ name, rights: right === undefined ? [] : [right] })}\n` : `made ${name}; ${may}\n`,
    );
    return 0;
  },
};
