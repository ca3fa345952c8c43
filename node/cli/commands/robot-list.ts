// `shoal robot list`

import Type from 'typebox';
import { FleetUserList } from '../../../shared/protocol/users-api.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { onOff } from '../../../shared/runtime/settings.ts';
import { callSettings, ADMIN_HOST_NOTE, openAdminCalls } from '../coordinator-calls.ts';
import type { Command } from '../command.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';
import { renderRobots } from '../users-view.ts';

const Flags = Type.Object(
  { json: onOff({ default: false, description: 'One JSON document, for programs.' }) },
  { additionalProperties: false },
);

export const robotListCommand: Command = {
  words: ['robot', 'list'],
  summary: 'list robot accounts, when they end and what they may do',
  about: ['Lists robots with their rights. Those that ended are shown for another month.', ADMIN_HOST_NOTE],
  examples: [
    { does: 'All of them:', line: 'shoal robot list' },
    {
      does: 'Those that end within a week:',
      line: `shoal robot list --json | jq -r '.robots[] | select(.expiresAtMs / 1000 < now + 604800) | .name'`,
    },
  ],
  flags: flagsOf(Flags),
  settings: callSettings,
  async run(invocation) {
    const { json } = await readOwnFlags(Flags, invocation);
    const call = await openAdminCalls(invocation);
    const { accounts } = await call({ method: 'GET', path: '/api/users', answer: FleetUserList });
    const robots = accounts.filter(({ kind }) => kind === 'robot');
    const text = json ? `${JSON.stringify({ robots }, undefined, 2)}\n` : renderRobots(robots, systemClock.wallMs());
    invocation.terminal.out(text);
    return 0;
  },
};
