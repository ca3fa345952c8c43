// Who may do what where. Pure: everything not granted is refused.

import type { AccessNeed, Action, Subject } from '../registry/access.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { isRepositoryGlob, matchesGlob } from './repository-glob.ts';

/** `admin` is every action, and the catalog. */
export type GrantedAction = Action | 'admin';

export interface Grant {
  /** Whom it is for: `anonymous` is everybody, `authenticated` everybody with a login. */
  readonly who: string;
  readonly actions: ReadonlySet<GrantedAction>;
  /** A pattern of repository names. */
  readonly repositories: string;
}

const ACTIONS: readonly GrantedAction[] = ['pull', 'push', 'delete', 'admin'];
/** Grants kept, more are refused when they are read: each request looks through all of them. */
export const MAX_GRANTS = 10_000;

/**
 * One line of a settings file: `WHO ACTIONS REPOSITORIES`, as in `ci pull,push team/**`.
 * @throws {AppError} `config_invalid` saying what is wrong.
 */
export function parseGrant(text: string): Grant {
  const [who = '', actionText = '', repositories = '', ...rest] = text.trim().split(/\s+/);
  const problem = (what: string): AppError =>
    new AppError(
      'config_invalid',
      `access.grants: "${text.slice(0, 200)}": ${what}; write WHO ACTIONS REPOSITORIES, as in "ci pull,push team/**"`,
    );
  if (who === '' || repositories === '' || rest.length > 0) throw problem('three words are needed');
  const actions = new Set<GrantedAction>();
  for (const word of actionText.split(',')) {
    const action = ACTIONS.find((known) => known === word);
    if (action === undefined) throw problem(`"${word}" is none of ${ACTIONS.join(', ')}`);
    actions.add(action);
  }
  if (!isRepositoryGlob(repositories)) throw problem('that is no pattern of repositories');
  return { who, actions, repositories };
}

/** The rights of all. */
export class Rights {
  readonly #grants: readonly Grant[];

  constructor(grants: readonly Grant[]) {
    this.#grants = grants;
  }

  /** Whether somebody may do what a request needs. `base` needs a login, unless anybody may do something without one. */
  allows(subject: Subject, need: AccessNeed): boolean {
    switch (need.type) {
      case 'base':
        return subject !== undefined || this.hasAnonymous;
      case 'catalog':
        return this.#of(subject).some(({ actions, repositories }) => repositories === '**' && actions.has('admin'));
      case 'repository': {
        const has = (action: Action): boolean => this.#mayDo(subject, action, need.repository);
        return 'allOf' in need ? need.allOf.every(has) : need.anyOf.some(has);
      }
      default: {
        const never: never = need;
        return never;
      }
    }
  }

  /** The actions in a repository that somebody has; `admin` stands for all. */
  actionsIn(subject: Subject, repository: string): readonly Action[] {
    return (['pull', 'push', 'delete'] as const).filter((action) => this.#mayDo(subject, action, repository));
  }

  /** Whether anything is granted to those who have not logged in. */
  get hasAnonymous(): boolean {
    return this.#grants.some(({ who }) => who === 'anonymous');
  }

  #mayDo(subject: Subject, action: Action, repository: string): boolean {
    return this.#of(subject).some(
      ({ actions, repositories }) =>
        (actions.has(action) || actions.has('admin')) && matchesGlob(repositories, repository),
    );
  }

  #of(subject: Subject): readonly Grant[] {
    return this.#grants.filter(
      ({ who }) => who === 'anonymous' || (subject !== undefined && (who === 'authenticated' || who === subject)),
    );
  }
}
