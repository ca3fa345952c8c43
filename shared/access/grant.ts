// Rights as people give them: who may do what in which repositories. Pure.

import { AppError } from '../runtime/errors.ts';
import { isRepositoryGlob } from './repository-glob.ts';

/** `admin` is every action, and the catalog. */
export const GRANTED_ACTIONS = ['pull', 'push', 'delete', 'admin'] as const;
export type GrantedAction = (typeof GRANTED_ACTIONS)[number];

export interface Grant {
  /** Whom it is for: `anonymous` is everybody, `authenticated` everybody with a login. */
  readonly who: string;
  readonly actions: ReadonlySet<GrantedAction>;
  /** A pattern of repository names. */
  readonly repositories: string;
}

/** Grants of a fleet or of a node's settings, more are refused: all of them are kept in memory, and travel to each node. */
export const MAX_GRANTS = 10_000;
/** Names in grants that stand for many. */
export const EVERYBODY = ['anonymous', 'authenticated'] as const;
/** What a user or a robot may be called; a colon would end it in an Authorization header. */
export const ACCOUNT_NAME_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$';

/** True for a name that somebody may have. */
export function isAccountName(text: string): boolean {
  return new RegExp(ACCOUNT_NAME_PATTERN).test(text) && !EVERYBODY.some((name) => name === text);
}

/**
 * Actions with commas between them.
 * @throws {AppError} `config_invalid` naming the one that is none.
 */
export function parseActions(text: string): ReadonlySet<GrantedAction> {
  const actions = new Set<GrantedAction>();
  for (const word of text.split(',')) {
    const action = GRANTED_ACTIONS.find((known) => known === word);
    if (action === undefined)
      throw new AppError('config_invalid', `"${word.slice(0, 80)}" is none of ${GRANTED_ACTIONS.join(', ')}`);
    actions.add(action);
  }
  return actions;
}

/** @throws {AppError} `config_invalid` when it can match no repository. */
export function checkedGlob(text: string): string {
  if (isRepositoryGlob(text)) return text;
  throw new AppError(
    'config_invalid',
    `"${text.slice(0, 80)}" is no pattern of repositories; write it like team/app, team/* or team/**`,
  );
}
