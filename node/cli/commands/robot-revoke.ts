// `shoal robot revoke NAME`

import { accountRemoval } from '../account-removal.ts';

export const robotRevokeCommand = accountRemoval(
  {
    words: ['robot', 'revoke'],
    summary: 'take a robot account away, with its secret and rights',
    about: [
      'Takes a robot away; every node that is connected refuses its secret within a second. To change a secret, revoke the robot and create it again.',
    ],
    examples: [{ does: 'Its secret may have leaked:', line: 'shoal robot revoke ci' }],
  },
  { path: '/api/robots', done: 'revoked' },
);
