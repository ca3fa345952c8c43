// `shoal user list`

import { accountList } from '../account-list.ts';
import { renderUsers } from '../users-view.ts';

export const userListCommand = accountList(
  {
    words: ['user', 'list'],
    summary: 'list the users of the fleet and what they may do',
    about: [
      'Lists users with their rights, and what everybody may do: `anonymous` without a login, `authenticated` with any.',
    ],
    examples: [
      { does: 'Everybody:', line: 'shoal user list' },
      {
        does: 'Who may push to team/app? Look for patterns that fit:',
        line: `shoal user list --json | jq -c '.accounts[] | [.name, .rights]'`,
      },
    ],
  },
  {
    jsonHelp: 'One JSON document with users and robots, for programs.',
    json: (list) => list,
    text: renderUsers,
  },
);
