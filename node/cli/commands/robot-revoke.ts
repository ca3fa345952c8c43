// `shoal robot revoke NAME`

import Type from 'typebox';
import { Done } from '../../../shared/protocol/users-api.ts';
import { onOff } from '../../../shared/runtime/settings.ts';
import { adminSettings, ADMIN_HOST_NOTE, openAdminSession } from '../admin-session.ts';
import type { Command } from '../command.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';

const Flags = Type.Object(
  { json: onOff({ default: false, description: 'One JSON document, for programs.' }) },
  { additionalProperties: false },
);

export const robotRevokeCommand: Command = {
  words: ['robot', 'revoke'],
  summary: 'take a robot account away, with its secret and rights',
  about: [
    'Takes a robot away; every node that is connected refuses its secret within a second. To change a secret, revoke the robot and create it again.',
    ADMIN_HOST_NOTE,
  ],
  examples: [{ does: 'Its secret may have leaked:', line: 'shoal robot revoke ci' }],
  operands: [{ name: 'NAME', isRequired: true }],
  flags: flagsOf(Flags),
  settings: adminSettings,
  async run(invocation) {
    const [name = ''] = invocation.operands;
    const { json } = await readOwnFlags(Flags, invocation);
    const call = await openAdminSession(invocation);
    await call({ method: 'DELETE', path: `/api/robots/${encodeURIComponent(name)}`, answer: Done });
    invocation.terminal.out(json ? `${JSON.stringify({ name, revoked: true })}\n` : `revoked ${name}\n`);
    return 0;
  },
};
