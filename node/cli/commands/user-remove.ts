// `shoal user remove NAME`

import { accountRemoval } from '../account-removal.ts';

export const userRemoveCommand = accountRemoval(
  {
    words: ['user', 'remove'],
    summary: 'take a user out of the fleet, with all rights',
    about: [
      'Takes a user away. Every node that is connected refuses the user within a second, with tokens that are out too; one that is cut off when it hears of it, or when what it knows runs out (users.policyLifeMs). What the user pushed stays.',
    ],
    examples: [{ does: 'Somebody left:', line: 'shoal user remove alice' }],
  },
  { path: '/api/users', done: 'removed' },
);
