// `shoal user list`

import Type from 'typebox';
import { FleetUserList } from '../../../shared/protocol/users-api.ts';
import { onOff } from '../../../shared/runtime/settings.ts';
import { callSettings, ADMIN_HOST_NOTE, openAdminCalls } from '../coordinator-calls.ts';
import type { Command } from '../command.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';
import { renderUsers } from '../users-view.ts';

const Flags = Type.Object(
  { json: onOff({ default: false, description: 'One JSON document with users and robots, for programs.' }) },
  { additionalProperties: false },
);

export const userListCommand: Command = {
  words: ['user', 'list'],
  summary: 'list the users of the fleet and what they may do',
  about: [
    'Lists users with their rights, and what everybody may do: `anonymous` without a login, `authenticated` with any.',
    ADMIN_HOST_NOTE,
  ],
  examples: [
    { does: 'Everybody:', line: 'shoal user list' },
    {
      does: 'Who may push to team/app? Look for patterns that fit:',
      line: `shoal user list --json | jq -c '.accounts[] | [.name, .rights]'`,
    },
  ],
  flags: flagsOf(Flags),
  settings: callSettings,
  async run(invocation) {
    const { json } = await readOwnFlags(Flags, invocation);
    const call = await openAdminCalls(invocation);
    const list = await call({ method: 'GET', path: '/api/users', answer: FleetUserList });
    invocation.terminal.out(json ? `${JSON.stringify(list, undefined, 2)}\n` : renderUsers(list));
    return 0;
  },
};
