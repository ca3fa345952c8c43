// `shoal user remove NAME`

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

export const userRemoveCommand: Command = {
  words: ['user', 'remove'],
  summary: 'take a user out of the fleet, with all rights',
  about: [
    'Takes a user away. Every node that is connected refuses the user within a second, with tokens that are out too; one that is cut off when it hears of it, or when what it knows runs out (users.policyLifeMs). What the user pushed stays.',
    ADMIN_HOST_NOTE,
  ],
  examples: [{ does: 'Somebody left:', line: 'shoal user remove alice' }],
  operands: [{ name: 'NAME', isRequired: true }],
  flags: flagsOf(Flags),
  settings: adminSettings,
  async run(invocation) {
    const [name = ''] = invocation.operands;
    const { json } = await readOwnFlags(Flags, invocation);
    const call = await openAdminSession(invocation);
    await call({ method: 'DELETE', path: `/api/users/${encodeURIComponent(name)}`, answer: Done });
    invocation.terminal.out(json ? `${JSON.stringify({ name, removed: true })}\n` : `removed ${name}\n`);
    return 0;
  },
};
