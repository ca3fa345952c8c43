// What an administrator does to who may log in, as the audit log keeps it.

import type { Right } from '../../shared/protocol/users-api.ts';
import type { Requester } from '../../shared/protocol/requester.ts';

/** Whoever had the administrator's certificate, and by which request. */
export type Administrator = Pick<Requester, 'user' | 'address' | 'userAgent' | 'requestId'>;

/** One thing that was changed of a user, of a robot, or of what somebody may do. */
export type AccountChange =
  | { readonly action: 'add' | 'remove' | 'password'; readonly kind: 'user' | 'robot'; readonly account: string }
  | {
      readonly action: 'grant' | 'revoke';
      readonly kind: 'right';
      /** Also `anonymous` and `authenticated`. */
      readonly account: string;
      readonly right: Right;
    };
