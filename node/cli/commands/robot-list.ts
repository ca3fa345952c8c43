// `shoal robot list`

import type { FleetUserList } from '../../../shared/protocol/users-api.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { accountList } from '../account-list.ts';
import { renderRobots } from '../users-view.ts';

export const robotListCommand = accountList(
  {
    words: ['robot', 'list'],
    summary: 'list robot accounts, when they end and what they may do',
    about: ['Lists robots with their rights. Those that ended are shown for another month.'],
    examples: [
      { does: 'All of them:', line: 'shoal robot list' },
      {
        does: 'Those that end within a week:',
        line: `shoal robot list --json | jq -r '.robots[] | select(.expiresAtMs / 1000 < now + 604800) | .name'`,
      },
    ],
  },
  {
    jsonHelp: 'One JSON document, for programs.',
    json: (list) => ({ robots: robotsOf(list) }),
    text: (list) => renderRobots(robotsOf(list), systemClock.wallMs()),
  },
);

function robotsOf({ accounts }: FleetUserList): FleetUserList['accounts'] {
  return accounts.filter(({ kind }) => kind === 'robot');
}
