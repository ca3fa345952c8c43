// ACTIONS and REPOSITORIES, as commands for users and robots take them.

import { checkedGlob, parseActions } from '../../shared/access/grant.ts';
import type { Right } from '../../shared/protocol/users-api.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Operand } from './flag-parser.ts';

/** A paragraph of help. */
export const RIGHTS_NOTE =
  'ACTIONS are pull, push, delete, and admin, which is all of them and the catalog, with commas between them. REPOSITORIES is a pattern: * stands for anything within one part of a name, ** for anything, so quote it. Docker needs pull to push: give it pull,push.';

/** Both, or neither of them. */
export const RIGHT_OPERANDS: readonly Operand[] = [
  { name: 'ACTIONS', isRequired: false },
  { name: 'REPOSITORIES', isRequired: false },
];

/** @returns undefined when there are none. @throws {AppError} `config_invalid` */
export function parseRight(actions: string | undefined, repositories: string | undefined): Right | undefined {
  if (actions === undefined) return undefined;
  if (repositories === undefined)
    throw new AppError('config_invalid', `REPOSITORIES is missing: in which ones may it be ${actions}? '**' is all`);
  return { actions: [...parseActions(actions)], repositories: checkedGlob(repositories) };
}
